"""Starts `landbridge up` in the background and waits until it is ready. Standard library only: the CLI pays nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from landbridge import settings
from landbridge.client import POLL_SECONDS, decode_error
from landbridge.domain.errors import LandbridgeError, TargetUnavailableError
from landbridge.domain.values import Json
from landbridge.lock import is_held
from landbridge.record import FAILED, STARTING, UP, lives, read_record, services_folder

WAIT_SECONDS = 120.0

# By `-c`, not `-m`: the children of a fork server import the `__main__` of their parent again; here there is none.
_START = "import sys; from landbridge.host.up import main_in_background as main; main(sys.argv[1], sys.argv[2])"


def start_background(
    home: str | Path,
    inventory_path: str | Path,
    wait_seconds: float = WAIT_SECONDS,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Json]:
    """Ensure that a host is up for `home`; returns its record. A host that is up or starting already is waited for.

    Args:
        progress: told one short line whenever a service becomes ready, and when the host serves another inventory.

    Raises:
        InputError: a port or the inventory is wrong; nothing is left running.
        TargetUnavailableError: not ready after `wait_seconds`; it goes on starting.
    """
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + wait_seconds
    told: set[str] = set()
    while True:
        ended = process is not None and process.poll() is not None
        held, record = is_held(home), read_record(home)
        if held and record.get("state") in (STARTING, UP) and lives(record):
            _tell(record, told, progress)
            if record["state"] == UP:
                _note_inventory(record, Path(inventory_path), progress)
                return _let_go(process, record)
        elif ended and not held:
            raise _failure(Path(home), process, record)
        elif process is None and not held:
            process = _launch(Path(home), Path(inventory_path))
        if time.monotonic() > deadline:
            raise TargetUnavailableError(
                f"landbridge is not ready after {wait_seconds:.0f} s.",
                f"Read {services_folder(home) / 'up.log'}, or wait and look at `landbridge status`.",
            )
        time.sleep(POLL_SECONDS)


def _note_inventory(record: dict[str, Json], asked: Path, progress: Callable[[str], None]) -> None:
    if record.get("inventory") != str(asked.absolute()):
        progress(f"services and agents are those of {record.get('inventory')}; `landbridge down` first to use {asked}")


def _let_go(process: "subprocess.Popen[bytes] | None", record: dict[str, Json]) -> dict[str, Json]:
    """The host outlives its caller on purpose; `Popen` would warn that a child was forgotten."""
    if process is not None:
        process.returncode = 0
    return record


def _launch(home: Path, inventory_path: Path) -> "subprocess.Popen[bytes]":
    folder = services_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", _START, str(home), str(inventory_path.absolute())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            env=os.environ | {settings.HOME_VARIABLE: str(home)},
            start_new_session=True,
        )


def _tell(record: dict[str, Json], told: set[str], progress: Callable[[str], None]) -> None:
    services = record.get("services")
    for service in services if isinstance(services, list) else []:
        if isinstance(service, dict) and service.get("state") == "ready" and service["name"] not in told:
            told.add(str(service["name"]))
            url = f" at {service['url']}" if service.get("url") else ""
            progress(f"{service['name']} is ready{url} ({service.get('ready_seconds')} s)")


def _failure(home: Path, process: "subprocess.Popen[bytes] | None", record: dict[str, Json]) -> LandbridgeError:
    error = record.get("error")
    if record.get("state") == FAILED and isinstance(error, dict):
        return decode_error(error)
    code = "unknown" if process is None else process.returncode
    return TargetUnavailableError(
        f"landbridge ended while it started (exit code {code}).", f"Read {services_folder(home) / 'up.log'}."
    )
