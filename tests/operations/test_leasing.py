"""One writer per model; a dead one of this machine is succeeded at once, a living one is waited for."""

import os
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from landbridge.domain.errors import BusyError, FencedError
from landbridge.operations import leasing
from tests.operations.world import World, lease


def holder(pid: int, started: float) -> str:
    return f"{socket.gethostname()}/{pid}/{started:.2f}"


def quiet(_: str) -> None:
    return


def test_a_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once(world: World) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        dead = holder(process.pid, psutil.Process(process.pid).create_time())
        process.kill()
    story = world.story()
    old = lease(story, dead)
    started = time.monotonic()
    new = leasing.take(story, quiet, wait_seconds=5.0)
    assert time.monotonic() - started < 1.0
    assert (new.holder, new.token > old.token) == (leasing.holder_name(), True)
    with pytest.raises(FencedError):
        world.book.check(old)


def test_a_process_that_only_has_the_dead_ones_pid_is_not_it(world: World) -> None:
    assert leasing.is_gone(holder(os.getpid(), psutil.Process().create_time() - 60))
    assert not leasing.is_gone(holder(os.getpid(), psutil.Process().create_time()))


def test_a_start_time_that_moved_a_little_is_the_same_process(world: World) -> None:
    assert not leasing.is_gone(holder(os.getpid(), psutil.Process().create_time() + 0.3))


def test_a_process_of_another_machine_is_never_judged_dead(world: World) -> None:
    assert not leasing.is_gone("another-machine/1/1.00")
    assert not leasing.is_gone("no such form")


def test_a_living_holder_is_waited_for_told_once_and_then_busy(world: World) -> None:
    story = world.story()
    lease(story, "another-machine/1/1.00")
    heard: list[str] = []
    with pytest.raises(BusyError, match="another-machine"):
        leasing.take(story, heard.append, wait_seconds=0.6)
    assert len(heard) == 1
    assert heard[0].startswith("waiting: ")


def test_whoever_waits_gets_the_lease_when_it_is_given_back(world: World) -> None:
    story = world.story()
    old = lease(story, "another-machine/1/1.00")
    threading.Timer(0.3, world.book.release, [old]).start()
    assert leasing.take(story, quiet, wait_seconds=10.0).token == old.token + 1


def test_a_lease_that_ran_out_is_free(world: World) -> None:
    story = world.story()
    lease(story, "another-machine/1/1.00", ttl_seconds=0.0)
    assert leasing.take(story, quiet, wait_seconds=0.0).holder == leasing.holder_name()


def test_scenarios_of_one_model_share_its_lease(world: World) -> None:
    first = leasing.take(world.story(), quiet)
    world.scenario["name"] = "flights-2"
    assert leasing.take(world.story(), quiet).name == first.name
