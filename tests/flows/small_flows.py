"""Flows that do next to nothing, so that what the host does is all there is to see."""

import asyncio
import os
import signal
from typing import Any

from prefect import flow, get_run_logger, task

from landbridge.domain.errors import GateError
from landbridge.operations.reports import Report
from tasks.progress import emit, finish


@task
async def step(name: str) -> str:
    emit(name, "done")
    return name


@flow
async def hello(
    scenario: str = "",
    inventory: str = "",
    trigger: str = "run",
    force: str = "",
    inputs: dict[str, Any] | None = None,
) -> None:
    """Greet, and end the story as the real flows do."""
    get_run_logger().info("hello from %s", scenario)
    await step("greet")
    finish(Report("Promoted", f"hello from {scenario}").as_json())


@flow
async def nap(scenario: str = "", seconds: float = 60.0) -> None:
    """Sleep, and let others stop it."""
    emit("nap", "started", str(os.getpid()))
    await asyncio.sleep(seconds)


@flow
async def die(scenario: str = "") -> None:
    """End like a process that ran out of memory."""
    emit("die", "started")
    os.kill(os.getpid(), signal.SIGKILL)


@flow
async def refuse(scenario: str = "") -> None:
    """Fail with an error of ours, and tell nobody."""
    raise GateError("The gate said Fail.", "Train a better model.")


ALL = {one.name: one for one in (hello, nap, die, refuse)}
