"""home/services/services.json: who is up, where it listens, and which processes belong to it. Standard library only.

The file is replaced by rename, so a reader sees one whole version. It stays after the end, with state `down`: the ports
in it are taken again at the next start, so URLs outlive restarts.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from landbridge.domain.values import Json

STARTING, UP, STOPPING, DOWN, FAILED = "starting", "up", "stopping", "down", "failed"
_ZOMBIE = "Z"  # ended, and not yet noticed by its parent


def services_folder(home: str | Path) -> Path:
    return Path(home) / "services"


def record_path(home: str | Path) -> Path:
    return services_folder(home) / "services.json"


def read_record(home: str | Path) -> dict[str, Json]:
    """The last record; empty when there is none or it is damaged (it can be made again, it is no one's truth)."""
    try:
        found = json.loads(record_path(home).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def lives(record: Mapping[str, Json]) -> bool:
    """Whether the process that wrote it is alive: a killed host leaves its record as it was.

    Not the lock alone tells: the next host has it an instant before it has a record of its own.
    """
    try:
        status = Path(f"/proc/{record.get('pid')}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != _ZOMBIE


def write_record(home: str | Path, record: dict[str, Json]) -> None:
    path = record_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(record, indent=1))
    fresh.replace(path)
