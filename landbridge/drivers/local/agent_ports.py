"""What an agent looks after before it starts: its port is free, and nothing of a killed agent lives on."""

import logging
import socket
from collections.abc import Sequence
from typing import Any

import psutil

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Target
from landbridge.domain.values import Json
from landbridge.drivers.local.xds import LISTENER

_SAME_START_SECONDS = 0.05  # psutil computes the start from clock ticks
_GRACE_SECONDS = 3.0

log = logging.getLogger("landbridge.serving")


def take_port(target: Target, before: int, inventory_path: str) -> int:
    """The port of the target's router: as the inventory says; else that of the last start, else any free one.

    Raises:
        InputError: the inventory's port is taken, or is none.
    """
    asked = target.options.get("port", 0)
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked <= 65535:
        raise InputError(
            f"targets.{target.name}.options.port is {asked!r}.",
            "Give a port of 1 to 65535, or 0 for any.",
            inventory_path,
        )
    if asked:
        if not _is_free(asked):
            raise InputError(
                f"Port {asked} of target {target.name} is used by another program.",
                f"Set targets.{target.name}.options.port to a free port, or 0 for any.",
                inventory_path,
            )
        return asked
    if before and _is_free(before):
        return before
    return _any_free()


def end_leftovers(recorded: Sequence[Json]) -> None:
    """End the recorded processes that still live. A pid that belongs to a stranger by now is left alone."""
    found = [process for entry in recorded if (process := _find(entry)) is not None]
    for process in found:
        log.info("ending process %s, left by an agent that was killed", process.pid)
        _kill(process)
    psutil.wait_procs(found, timeout=_GRACE_SECONDS)


def _find(entry: Any) -> psutil.Process | None:
    try:
        process = psutil.Process(entry["pid"])
        same = abs(process.create_time() - entry["create_time"]) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, KeyError, TypeError):
        return None


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LISTENER, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((LISTENER, 0))
        return int(probe.getsockname()[1])
