"""A version that something else registered, or one to go back to, is gated and put to work."""

from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.pattern import carry_out, run_name
from flows.release import release
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Request, Story
from tasks.versions import find_version, gate_version


@flow(name="redeploy", flow_run_name=run_name, persist_result=False)
async def redeploy(scenario: str, inventory: str, version: str = "", trigger: str = "model-version") -> "State[Any]":
    """Gate and deploy a model version; with trigger `rollback` the gate is not asked: somebody decided."""
    return await carry_out(partial(_steps, version=version), Request(scenario, inventory, trigger))


async def _steps(story: Story, lease: Lease, version: str) -> Report:
    found = await find_version(story, version)
    if story.request.trigger == "model-version":
        found = await gate_version(story, found)
    return await release(story, found, lease)
