"""The last word of a run: written by the host when the run's process could not."""

import json
from pathlib import Path

from landbridge.client import events_path, is_last
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.values import Json
from landbridge.operations.reports import Report
from tasks.progress import finish, recorded_in


def last_event(home: str | Path, flow_run_id: str) -> dict[str, Json] | None:
    """The run's last event if it is the final one, else None."""
    try:
        text = events_path(home, flow_run_id).read_text()
    except FileNotFoundError:
        return None
    lines = [line for line in text.split("\n")[:-1] if line.strip()]
    event = json.loads(lines[-1]) if lines else {}
    return event if is_last(event) else None


def end_story(home: str | Path, flow_run_id: str, outcome: str, error: LandbridgeError) -> None:
    """End the run's story, unless it has an end already."""
    if last_event(home, flow_run_id) is None:
        with recorded_in(events_path(home, flow_run_id)):
            finish(Report(outcome, error.message).as_json(), error)
