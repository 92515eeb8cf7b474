"""Live progress: one JSON line per event in the run's own file, for whoever watches (`landbridge run` does).

Prefect's states and logs tell the same; but they arrive in batches, and reading them costs an import of 0.9 s.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from landbridge.client import FINISHED, encode_error
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.values import Json

_file: ContextVar[Path | None] = ContextVar("events_file", default=None)


@contextmanager
def recorded_in(path: Path) -> Iterator[None]:
    """Send the events of this run to `path`; it is appended to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    token = _file.set(path)
    try:
        yield
    finally:
        _file.reset(token)


def emit(step: str, state: str, text: str = "", **more: Json) -> None:
    """Append one event. `state`: started, done, failed, info, finished. Nothing happens outside a recorded run."""
    path = _file.get()
    if path is None:
        return
    event = {"at": time.time(), "step": step, "state": state, "text": text, **more}
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(event) + "\n").encode())  # one write: readers see whole lines
    finally:
        os.close(descriptor)


def finish(report: dict[str, Json], error: BaseException | None = None) -> None:
    """The last event of a run: what it reached, and the error that ended it, if one did."""
    emit("run", FINISHED, report=report, error=None if error is None else describe(error))


def describe(error: BaseException) -> dict[str, Json]:
    """An error as JSON, so that the CLI can say it and exit by its class. Exit code 70: a bug of ours."""
    if isinstance(error, LandbridgeError):
        return encode_error(error)
    text = f"{type(error).__name__}: {error}"
    return {"error": type(error).__name__, "message": text, "hint": "Look at the log.", "where": "", "exit_code": 70}
