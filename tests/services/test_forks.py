"""The fork server: children start warm, end with their owner, and are awaited without blocking."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from landbridge.domain.errors import TargetUnavailableError
from landbridge.runner.forks import Forks

pytestmark = pytest.mark.services

WRITE = "tests.services.test_forks:write"
GONE_SECONDS = 5.0


def write(payload: Mapping[str, Any]) -> None:
    """A child's work: tell of itself, then end as ordered."""
    main = getattr(sys.modules["__main__"], "__file__", "") or ""
    told = {
        "main": main,
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "mlflow": "mlflow" in sys.modules,
        "session": os.getsid(0) == os.getsid(os.getppid()),
        "group": os.getpgid(0) == os.getpid(),
    }
    sys.stdout.write(f"{told}\n")
    if payload.get("raise"):
        raise ValueError("as ordered")
    if payload.get("wait"):
        time.sleep(60)
    raise SystemExit(payload.get("code", 0))


@pytest.fixture
async def forks() -> AsyncIterator[Forks]:
    server = Forks()
    await server.start(["json"])
    yield server
    await server.stop()


@pytest.mark.parametrize(("payload", "code"), [({}, 0), ({"code": 7}, 7), ({"raise": True}, 1)])
async def test_the_end_of_a_child_is_its_exit_code(
    forks: Forks, tmp_path: Path, payload: dict[str, Any], code: int
) -> None:
    child = await forks.spawn(WRITE, payload, tmp_path / "log", "child")
    assert await child.wait() == code
    assert await child.wait() == code


async def test_a_child_starts_clean(forks: Forks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = await forks.spawn(WRITE, {"raise": True}, tmp_path / "log", "child")
    await child.wait()
    log = (tmp_path / "log").read_text()
    assert "'main': ''" in log  # pytest's own main is not imported again
    assert "'threads': ''" in log  # what calms the fork server does not reach what its children start
    assert "'session': True" in log
    assert "'group': True" in log
    assert "ValueError: as ordered" in log


async def test_a_signal_shows_in_the_exit_code(forks: Forks, tmp_path: Path) -> None:
    child = await forks.spawn(WRITE, {"wait": True}, tmp_path / "log", "child")
    assert await child.end(2.0) == -signal.SIGTERM
    child.kill()  # silent: it is gone


async def test_a_program_is_a_child_like_any_other(forks: Forks, tmp_path: Path) -> None:
    child = await forks.command(["sh", "-c", "echo $WORD; exit 3"], tmp_path / "log", "sh", {"WORD": "hello"})
    assert await child.wait() == 3
    assert (tmp_path / "log").read_text() == "hello\n"


async def test_a_hung_program_is_killed_with_all_its_workers(forks: Forks, tmp_path: Path) -> None:
    child = await forks.command(["sh", "-c", "trap '' TERM; sleep 60 & sleep 60; true"], tmp_path / "log", "child")
    shell = psutil.Process(child.pid)
    while len(workers := shell.children()) < 2:
        await asyncio.sleep(0.01)
    assert await child.end(grace_seconds=0.1) == -signal.SIGKILL
    gone, alive = psutil.wait_procs(workers, timeout=GONE_SECONDS)
    assert (len(gone), alive) == (2, [])


async def test_a_module_that_cannot_be_imported_stops_the_start() -> None:
    with pytest.raises(TargetUnavailableError, match="no_such_module"):
        await Forks().start(["no_such_module"])


async def test_stopping_the_server_ends_its_children(forks: Forks, tmp_path: Path) -> None:
    child = await forks.command(["sleep", "60"], tmp_path / "log", "sleep")
    await forks.stop()
    assert await child.wait() == -signal.SIGKILL
    assert is_gone(child.pid)


OWNER = """
import asyncio, os, sys
from landbridge.runner.forks import Forks
async def main():
    forks = Forks()
    await forks.start(["json"])
    child = await forks.command(["sleep", "60"], os.devnull, "sleep")
    print(child.pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def test_no_child_outlives_a_killed_owner() -> None:
    owner = subprocess.run([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, check=False, text=True)
    assert owner.returncode == -signal.SIGKILL
    assert is_gone(int(owner.stdout))


async def test_a_dead_fork_server_is_started_anew(forks: Forks, tmp_path: Path) -> None:
    child = await forks.command(["sleep", "60"], tmp_path / "log", "sleep")
    server = psutil.Process(child.pid).parent()
    assert server is not None
    server.kill()
    assert await child.wait() == -signal.SIGKILL
    again = await forks.spawn(WRITE, {"code": 7}, tmp_path / "log", "child")
    assert await again.wait() == 7


def is_gone(pid: int) -> bool:
    """Ended; a zombie that nobody reaped yet is ended too."""
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False
