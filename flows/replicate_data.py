"""Copy data ahead of need: a run that comes later finds it where it trains."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.pattern import carry_out, run_name
from landbridge.domain.ledger import Lease
from landbridge.operations import replicating
from landbridge.operations.reports import Report
from landbridge.operations.story import Request, Story
from tasks.data import replicate


@flow(name="replicate_data", flow_run_name=run_name, persist_result=False)
async def replicate_data(
    scenario: str, inventory: str, sites: list[str] | None = None, trigger: str = "replicate"
) -> "State[Any]":
    """Bring the scenario's proactive data to every site that may train; with `sites`, all its data to those."""
    return await carry_out(partial(_steps, sites=tuple(sites or ())), Request(scenario, inventory, trigger))


async def _steps(story: Story, _lease: Lease, sites: tuple[str, ...]) -> Report:
    copies = [await replicate(story, name, site) for name, site in replicating.wanted(story, sites)]
    moved = sum(copy.moved_bytes for copy in copies)
    return Report("Replicated", f"{len(copies)} copies are up to date; {moved / 1e6:.1f} MB moved")
