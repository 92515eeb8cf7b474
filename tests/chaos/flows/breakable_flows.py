"""The flows as they are, with breakpoints: a run signals itself exactly where the file beside its scenario says.

`<scenario>.yaml.break` holds one line, `<SIGNAL> <point>`; the first process that comes to the point takes it. Points:
`<step> done`, and around each write to the ledger `before <what>` and `after <what>`, where the world has moved and the
ledger does not say so yet, and the other way round. `<what>` is the kind of an entry or `release <phase>`.
"""

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from prefect.runtime import flow_run
from sqlalchemy import Connection

import tasks.step
from flows import ALL as ALL
from landbridge.domain.ledger import Entry, Lease, Release
from landbridge.domain.values import Json
from landbridge.ledger.sql import SqlLedger
from landbridge.operations import leasing

# A process that is stopped in the middle of a write, be it another site's, would keep SQLite locked for all others.
_writing = threading.Lock()
leasing.TTL_SECONDS = 4.0  # a stopped holder is succeeded after so long; one that was killed, at once


def reach(point: str) -> None:
    """End or stop here, if this is where this run's scenario is to break."""
    parameters: dict[str, Any] = flow_run.parameters or {}
    file = Path(f"{parameters.get('scenario', '')}.break")
    if not file.is_file():
        return
    name, _, wanted = file.read_text().strip().partition(" ")
    if wanted == point:
        file.unlink()
        with _writing:
            os.kill(os.getpid(), signal.Signals[name])


def _after_events(emit: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(emit)
    def emit_and_reach(step: str, state: str, text: str = "", **more: Json) -> None:
        emit(step, state, text, **more)
        reach(f"{step} {state}")

    return emit_and_reach


def _around_records(record: Callable[[SqlLedger, Entry], None]) -> Callable[[SqlLedger, Entry], None]:
    @functools.wraps(record)
    def reach_and_record(self: SqlLedger, entry: Entry) -> None:
        reach(f"before {entry.kind}")
        record(self, entry)
        reach(f"after {entry.kind}")

    return reach_and_record


def _around_releases(
    save: Callable[[SqlLedger, Release, Lease], None],
) -> Callable[[SqlLedger, Release, Lease], None]:
    @functools.wraps(save)
    def reach_and_save(self: SqlLedger, release: Release, lease: Lease) -> None:
        reach(f"before release {release.phase}")
        save(self, release, lease)
        reach(f"after release {release.phase}")

    return reach_and_save


def _alone(write: Callable[[SqlLedger], AbstractContextManager[Connection]]) -> Callable[..., Any]:
    """The lease is renewed, and each site's steps write, in threads of their own, whatever the others do meanwhile."""

    @contextmanager
    def write_alone(self: SqlLedger) -> Iterator[Connection]:
        with _writing, write(self) as connection:
            yield connection

    return write_alone


SqlLedger._write = _alone(SqlLedger._write)  # type: ignore[method-assign]
tasks.step.emit = _after_events(tasks.step.emit)  # type: ignore[attr-defined]
SqlLedger.record = _around_records(SqlLedger.record)  # type: ignore[method-assign, assignment]
SqlLedger.save_release = _around_releases(SqlLedger.save_release)  # type: ignore[method-assign, assignment]
