"""home/services/services.json: who is up, where it listens, and which processes belong to it. Standard library only.

The file is replaced by rename, so a reader sees one whole version. It stays after the end, with state `down`: the ports
in it are taken again at the next start, so URLs outlive restarts.
"""

import json
import os
from pathlib import Path

from landbridge.domain.values import Json

STARTING, UP, STOPPING, DOWN, FAILED = "starting", "up", "stopping", "down", "failed"


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


def write_record(home: str | Path, record: dict[str, Json]) -> None:
    path = record_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(json.dumps(record, indent=1))
    fresh.replace(path)
