"""One host per home: a file lock that the kernel gives back when its holder dies, however it dies."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from landbridge.domain.errors import BusyError
from landbridge.record import read_record, services_folder

_PATIENCE_SECONDS = 1.0  # `is_held` takes the lock for an instant


def take_lock(home: str | Path) -> IO[str]:
    """Hold the returned file as long as the host lives.

    Raises:
        BusyError: another host serves this home; says which.
    """
    folder = services_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "up.lock").open("a+")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _try(file, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            file.close()
            pid = read_record(home).get("pid", "unknown")
            raise BusyError(
                f"landbridge is up already for {home} (process {pid}).", "Use it, or end it with `landbridge down`."
            )
        time.sleep(0.02)
    os.set_inheritable(file.fileno(), False)
    return file


def is_held(home: str | Path) -> bool:
    """Whether a host lives for `home`, starting and stopping included."""
    try:
        with (services_folder(home) / "up.lock").open("r") as file:
            return not _try(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _try(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
