"""What a forked child does: execute one flow run, tell its end, send its logs, go.

It starts with everything imported; so a run costs a fork and no import.
"""

import asyncio
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from landbridge.client import events_path
from landbridge.host.environment import flows_module
from landbridge.host.events import last_event

_DRAIN_SECONDS = 5.0


def execute(payload: Mapping[str, Any]) -> None:
    """Run the flow named `flow` as the Prefect run `flow_run`. Ends well when Prefect knows its end."""
    from prefect.client.schemas.objects import FlowRun

    from tasks.progress import recorded_in

    flows = importlib.import_module(flows_module()).ALL
    # Without its deployment, the engine opens no web socket to hear of suspensions: 0.1 s before the flow, 0.2 s after.
    # The server keeps the link. landbridge does not suspend runs: it cancels and resumes them.
    run = FlowRun.model_validate(payload["flow_run"]).model_copy(update={"deployment_id": None})
    with recorded_in(events_path(payload["home"], str(run.id))):
        try:
            _ensure_end(payload["home"], _run(flows[payload["flow"]], run), str(run.id))
        finally:
            _drain()


def _run(flow: Any, run: Any) -> Any:
    from prefect.flow_engine import run_flow

    state = run_flow(flow, flow_run=run, return_type="state")
    return asyncio.run(state) if inspect.iscoroutine(state) else state


def _ensure_end(home: str, state: Any, flow_run_id: str) -> None:
    """The flow tells its own end; one that failed before its first line could not."""
    from landbridge.operations.reports import Report
    from tasks.progress import finish

    if last_event(home, flow_run_id) is None:
        found = asyncio.run(state.aresult(raise_on_failure=False))
        error = found if isinstance(found, BaseException) else None
        finish(Report(state.name, state.message or "").as_json(), error)


def _drain() -> None:
    """Logs and events are sent in batches; the process ends only when all have arrived."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=_DRAIN_SECONDS)
