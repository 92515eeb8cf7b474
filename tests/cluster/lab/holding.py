"""Who has the machine's one lab, and who uses it. Locks are the kernel's: a process that dies lets go of them."""

import contextlib
import fcntl
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tests.cluster.lab.host import wait_until, write
from tests.cluster.lab.settings import HOLDER, LabError, run_folder


def holder() -> dict[str, Any] | None:
    """Return the lab's record: run (its folder), beside (folders that were not there before it), lasting.

    A lasting lab was asked for by hand and ends by hand; one that tests brought up ends with the last of them.
    """
    try:
        record: dict[str, Any] = json.loads(HOLDER.read_text())
    except (OSError, ValueError):
        return None
    return record


def hold(beside: list[str], lasting: bool) -> None:
    write(HOLDER, json.dumps({"run": str(run_folder()), "beside": beside, "lasting": lasting}))


def make_lasting() -> None:
    if record := holder():
        write(HOLDER, json.dumps({**record, "lasting": True}))


@contextlib.contextmanager
def alone(seconds: float) -> Iterator[None]:
    """Bring up or end one lab at a time, waiting for another process that does. It leaves no file."""
    with socket.socket(socket.AF_UNIX) as name:

        def taken() -> bool:
            try:
                name.bind("\0landbridge-lab")
            except OSError:
                return False
            return True

        wait_until(taken, seconds, "another process is bringing a lab up or down on this machine; its end")
        yield


def use() -> IO[str]:
    """Use this lab until the file is closed: meanwhile nobody else's session or `down` ends it."""
    file = users_file().open("a")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def is_used() -> bool:
    try:
        with users_file().open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def refuse_used() -> None:
    if is_used():
        raise LabError("tests use the lab at this moment; wait for them, or `down --force` ends it under them")


def users_file() -> Path:
    """What those who use the lab hold a lock on; it is empty."""
    return run_folder() / "users"
