"""Flows that do next to nothing, so that what the host does is all there is to see."""

import asyncio
import os
import signal
import time

from prefect import flow, get_run_logger, task

from landbridge.domain.errors import GateError
from tasks.progress import emit


@task
async def step(name: str) -> str:
    emit(name, "done")
    return name


@flow
async def hello(scenario: str = "", trigger: str = "run", ordered_at: float = 0.0) -> dict[str, float]:
    """Answer how long it took from the order to this line, s."""
    late = time.time() - ordered_at
    get_run_logger().info("hello from %s", scenario)
    await step("greet")
    emit("run", "finished", report={"latency_seconds": late}, error=None)
    return {"latency_seconds": late}


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
