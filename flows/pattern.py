"""What every pattern's flow has around its steps: an open story, the model's lease, and a report at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from prefect import Flow, flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from landbridge import settings
from landbridge.client import events_path
from landbridge.domain.errors import GateError, LandbridgeError, ReleaseError
from landbridge.domain.ledger import Lease
from landbridge.domain.values import Json
from landbridge.operations import adopting, connections, leasing
from landbridge.operations.reports import Report, serving_now
from landbridge.operations.story import Request, Story
from tasks.artifacts import publish_report, settle
from tasks.opening import open_story
from tasks.progress import emit, finish, recorded_in

Steps = Callable[[Story, Lease], Awaitable[Report]]
OUTCOMES: dict[type[LandbridgeError], str] = {
    GateError: "Refused",
    ReleaseError: "RolledBack",
}  # ends that are answers, not breakdowns


def story_flow(steps: Steps) -> "Flow[..., Any]":
    """Make a Prefect flow of a pattern's steps. Its name is the function's; its description the docstring."""

    @flow(
        name=steps.__name__,
        description=(steps.__doc__ or "").strip(),
        flow_run_name=run_name,
        persist_result=False,
        validate_parameters=True,
    )
    async def run(
        scenario: str,
        inventory: str,
        trigger: str = "run",
        force: str = "",
        inputs: dict[str, Any] | None = None,
    ) -> "State[Any]":
        return await carry_out(steps, Request(scenario, inventory, trigger, force, inputs or {}))

    return run


async def carry_out(steps: Steps, request: Request) -> "State[Any]":
    """Open the story, hold its model's lease while `steps` run, and report; the state's name is the outcome."""
    with recorded_in(events_path(settings.home(), str(flow_run.id))):
        try:
            return await _carry_out(steps, request)
        finally:
            await settle()


async def _carry_out(steps: Steps, request: Request) -> "State[Any]":
    started = time.monotonic()
    story: Story | None = None
    try:
        story = await open_story(request)
        adopting.adopt(story)
        async with model_lease(story) as lease:
            report = await steps(story, lease)
    except LandbridgeError as error:
        report = await _failure(story, error, time.monotonic() - started)
        finish(report.as_json(), error)
        if type(error) in OUTCOMES:
            return Completed(message=str(error), name=report.outcome)
        return Failed(message=str(error))
    except Exception as error:
        finish(Report("Failed", str(error)).as_json(), error)
        raise
    report = await _complete(story, report, time.monotonic() - started)
    finish(report.as_json())
    return Completed(message=report.text, name=report.outcome)


@asynccontextmanager
async def model_lease(story: Story, wait_seconds: float = leasing.WAIT_SECONDS) -> AsyncIterator[Lease]:
    """Hold the lease of the story's model, renewed while the steps run; given back at the end, whatever it is."""
    lease = await asyncio.to_thread(leasing.take, story, lambda text: emit("lease", "info", text), wait_seconds)
    renewing = asyncio.create_task(_renew(story, lease))
    try:
        yield lease
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        connections.ledger(story.inventory.home).release(lease)


async def _renew(story: Story, lease: Lease) -> None:
    """Every write shows the lease's token, so a renewal that fails needs no answer here: the next write is refused."""
    book = connections.ledger(story.inventory.home)
    while True:
        await asyncio.sleep(leasing.TTL_SECONDS / 3)
        with suppress(LandbridgeError):
            await asyncio.to_thread(book.renew, lease, leasing.TTL_SECONDS)


async def _complete(story: Story, report: Report, seconds: float) -> Report:
    serving = await asyncio.to_thread(serving_now, story)
    whole = replace(
        report, scenario=story.scenario.name, run_key=story.run_key, seconds=round(seconds, 3), serving=serving
    )
    publish_report(whole)
    return whole


async def _failure(story: Story | None, error: LandbridgeError, seconds: float) -> Report:
    get_run_logger().error("%s", error)
    report = Report(OUTCOMES.get(type(error), "Failed"), str(error), seconds=round(seconds, 3))
    return report if story is None else await _complete(story, report, seconds)


def run_name() -> str:
    """`<scenario file's stem>: <trigger>`, so that runs can be told apart in Prefect's UI."""
    parameters: dict[str, Json] = flow_run.parameters
    stem = str(parameters.get("scenario", "")).rsplit("/", 1)[-1].removesuffix(".yaml")
    return f"{stem}: {parameters.get('trigger') or 'run'}"
