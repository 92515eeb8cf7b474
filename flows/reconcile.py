"""Bring every scenario of this home to where registry and ledger say it should be. Safe at any time, by anybody."""

import time
from typing import Any, cast

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.pattern import model_lease
from flows.score import prepared_steps
from landbridge import settings
from landbridge.client import events_path
from landbridge.domain.errors import BusyError, LandbridgeError
from landbridge.domain.ledger import Lease
from landbridge.operations.adopting import Adopted, named
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.opening import open_story
from tasks.progress import emit, finish, recorded_in
from tasks.reconciling import clean_up, compare, find_scorings, look_at_scoring, settle_scoring


@flow(name="reconcile", flow_run_name="reconcile {scenario}", persist_result=False)
async def reconcile(scenario: str = "", inventory: str = "", trigger: str = "reconcile") -> "State[Any]":
    """Resume what was begun, deploy a champion that does not serve, settle scorings, end what nobody owns.

    Args:
        scenario, inventory: one scenario's files; without them, every scenario that was run here.
    """
    started = time.monotonic()
    with recorded_in(events_path(settings.home(), str(flow_run.id))):
        try:
            here = named(str(settings.home()), scenario, inventory)
        except LandbridgeError as error:
            finish(Report("Failed", str(error)).as_json(), error)
            return Failed(message=str(error))
        lines = [await _reconcile_one(item, trigger) for item in here]
        failed = [line for line in lines if line.startswith("failed")]
        text = "; ".join(lines) or "no scenario was run here yet"
        report = Report("Failed" if failed else "Reconciled", text, seconds=round(time.monotonic() - started, 3))
        finish(report.as_json())
    return Failed(message=text) if failed else Completed(message=text, name="Reconciled")


async def _reconcile_one(scenario: Adopted, trigger: str) -> str:
    """One scenario; its trouble stops no other."""
    from flows import ALL

    try:
        story = await open_story(scenario.request(trigger))
        todo = await compare(story, scenario)
        if todo is not None:
            emit("reconcile", "info", f"{scenario.name}: {todo.why}")
            state: State[Any] = await cast(Any, ALL[todo.flow])(**todo.parameters, return_state=True)
            if state.is_failed():
                return f"failed {scenario.name}: {state.message}"
        async with model_lease(story, wait_seconds=0) as lease:
            scored = await _settle_scorings(story, lease)
            cleaned = await clean_up(story)
    except BusyError:
        return f"{scenario.name}: a run is under way, nothing was touched"
    except LandbridgeError as error:
        return f"failed {scenario.name}: {error}"
    if failed := [line for line in scored if line.startswith("failed")]:
        return f"failed {scenario.name}: {', '.join(failed)}; {cleaned.summary}"
    did = [*([f"{todo.why}, put right"] if todo else []), *scored]
    return f"{scenario.name}: {', '.join(did) or 'as it should be'}; {cleaned.summary}"


async def _settle_scorings(story: Story, lease: Lease) -> list[str]:
    """Every scoring that a run left without an end, each in a line; the trouble of one stops no other."""
    lines: list[str] = []
    for begun in (await find_scorings(story)).scorings:
        emit("reconcile", "info", f"{story.scenario.name}: {begun.summary} was begun and not ended")
        try:
            scoring = await look_at_scoring(story, begun)
            if scoring is not None:
                await prepared_steps(scoring, lease)
            else:
                await settle_scoring(story, begun)
        except LandbridgeError as error:
            lines.append(f"failed {begun.summary}: {error}")
        else:
            lines.append(f"{begun.summary} was begun and not ended, put right")
    return lines
