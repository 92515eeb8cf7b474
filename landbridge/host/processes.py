"""Knows a process again (pid and start time), ends it with all below it, and ends what a killed host left behind."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import psutil

from landbridge.domain.values import Json

_SAME_START_SECONDS = 0.05  # psutil computes the start from clock ticks
_GRACE_SECONDS = 5.0

log = logging.getLogger("landbridge.host")


def identity(pid: int) -> dict[str, Json]:
    """What `find` needs to know it again, also from another process; never found when it has ended already."""
    try:
        return {"pid": pid, "create_time": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "create_time": None}


def find(recorded: Mapping[str, Any]) -> psutil.Process | None:
    """The recorded process if it still lives: a pid alone may belong to a stranger by now."""
    pid, created = recorded.get("pid"), recorded.get("create_time")
    if not isinstance(pid, int) or not isinstance(created, int | float):
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def memory_bytes(pid: Json) -> int:
    """Resident memory of the process; shared pages counted. 0 when there is none."""
    if not isinstance(pid, int):
        return 0
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def end_leftovers(record: Mapping[str, Json]) -> list[str]:
    """End the recorded processes of a killed host; returns their names. Training jobs are in no record: they go on."""
    recorded = record.get("processes")
    entries = [entry for entry in recorded if isinstance(entry, dict)] if isinstance(recorded, list) else []
    found = [(str(entry.get("name")), process) for entry in entries if (process := find(entry)) is not None]
    end_all(process for _, process in found)
    for name, process in found:
        log.info("ended %s (process %s), left by a host that was killed", name, process.pid)
    return [name for name, _ in found]


def end_all(processes: Iterable[psutil.Process], grace_seconds: float = _GRACE_SECONDS) -> None:
    """Ask, wait, then kill. Silent about those that are gone."""
    todo = list(processes)
    for process in todo:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(todo, timeout=grace_seconds)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=grace_seconds)


def _signal(process: psutil.Process, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
