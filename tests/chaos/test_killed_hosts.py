"""`landbridge up` itself is killed: the next command brings it back, and everything goes on where it was."""

import os
import signal
from pathlib import Path

import pytest

from landbridge import settings
from landbridge.record import UP, read_record
from tests.chaos.victims import EndState, Victim, make_victim
from tests.e2e.tiny_story import living, variable
from tests.services.hosts import until

pytestmark = pytest.mark.timeout(300)  # each brings a host up: 10 s on an idle machine


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A scenario whose newest version serves."""
    story = make_victim(home, tmp_path_factory.mktemp("served"))
    assert story.good()["outcome"] == "Promoted"
    return story


@pytest.fixture(scope="module")
def undisturbed(served: Victim) -> EndState:
    """What a first run reaches that nobody kills."""
    return served.end_state()


def kill_host(home: Path) -> None:
    """Kill the host; it takes its services, runs and model servers along. Training jobs are not its own."""
    os.kill(int(str(read_record(home)["pid"])), signal.SIGKILL)
    until(lambda: not [one for one in living() if variable(one, settings.HOME_VARIABLE) == str(home)])


def is_up(victim: Victim) -> bool:
    return victim.client.is_up() and victim.client.health()["state"] == UP


def test_killed_while_a_job_trains_the_job_goes_on_and_the_next_run_takes_it_up(
    home: Path, tmp_path: Path, undisturbed: EndState
) -> None:
    victim = make_victim(home, tmp_path)
    with victim.held_jobs() as hold:
        with victim.going() as run:
            runner = until(lambda: victim.runner("onprem-rack"), 60.0)
            kill_host(home)
            said = run.ends()
        assert said.code == 69, said.err
        assert "\nTo fix: " in said.err
        assert runner is not None
        assert runner.is_running()
        with victim.going() as again:
            until(lambda: is_up(victim), 180.0)  # the job logs into a registry that the host serves
            hold.unlink()
            said = again.ends()
        assert said.code == 0, said.err
    assert victim.end_state() == undisturbed


def test_killed_while_idle_the_next_run_changes_nothing_and_it_serves_again(
    home: Path, served: Victim, undisturbed: EndState
) -> None:
    kill_host(home)
    assert served.good()["outcome"] == "Unchanged"
    assert served.end_state() == undisturbed


def test_killed_during_a_soak_up_and_reconcile_finish_the_release(home: Path, served: Victim) -> None:
    served.month(2)
    served.breaks("after release Soak", "SIGSTOP")
    with served.going() as run:
        until(lambda: served.is_broken, 60.0)
        kill_host(home)
        assert run.ends().code == 69
    up = served.playground.landbridge("up", "-i", str(served.playground.inventory), seconds=180)
    assert up.code == 0, up.err
    served.resumed_by("reconcile")
    reached = served.end_state()
    assert reached.answers == {"cloud": 2.0, "onprem": 2.0}
    assert reached.aliases == {"champion": "2"}
    assert reached.releases == [("2", "Promoted"), ("1", "Promoted")]
    assert (reached.jobs, reached.versions) == (2, ["1", "2"])
    assert (reached.job_processes, reached.model_servers) == (0, 2)
