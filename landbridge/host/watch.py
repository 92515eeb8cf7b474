"""Level-triggered: asks again and again what is due, and starts it. An event lost, doubled or late does no harm."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from landbridge.client import RunOrder, Started
from landbridge.domain.errors import InputError, LandbridgeError
from landbridge.domain.values import Json
from landbridge.operations.adopting import Adopted, adopted
from landbridge.operations.watch import Wake, due

if TYPE_CHECKING:
    from landbridge.host.orchestrator import DeploymentSpec

DEFAULT_INTERVAL_SECONDS = 2.0
_PAUSES_SECONDS = (5.0, 15.0, 60.0, 300.0)  # before a wake whose run did not complete is tried again

log = logging.getLogger("landbridge.host")


class Starts(Protocol):
    """The part of the flow host that the loop needs."""

    async def adopt(self, spec: "DeploymentSpec") -> None: ...
    async def order(self, order: RunOrder) -> Started: ...
    async def describe(self, flow_run_id: UUID) -> dict[str, Json]: ...


class WatchLoop:
    def __init__(self, home: Path, flow_host: Starts, interval_seconds: float = DEFAULT_INTERVAL_SECONDS) -> None:
        self._home, self._flow_host, self._interval = home, flow_host, interval_seconds
        self._last: dict[tuple[str, str], str] = {}  # (scenario, trigger) → its last run
        self._failures: dict[tuple[str, str], int] = {}
        self._not_before: dict[tuple[str, str], float] = {}
        self._passes = 0
        self._problem = ""

    async def serve(self) -> None:
        """Watch until cancelled. No error ends the loop: it is logged, told by `describe`, and tried again."""
        while True:
            try:
                problems = await self.adopt(await asyncio.to_thread(adopted, str(self._home)))
                found = await asyncio.to_thread(due, str(self._home))
                await self.look(found.wakes)
                self._report("; ".join([*problems, *found.problems]))
            except LandbridgeError as error:
                self._report(str(error))
            except Exception as error:
                self._report(f"{type(error).__name__}: {error}")
                log.exception("the watch loop failed")
            await asyncio.sleep(self._interval)

    async def adopt(self, scenarios: Iterable[Adopted]) -> list[str]:
        """Each scenario that lives here has its own Prefect deployment, for its schedule and the UI's Run button."""
        from landbridge.host.orchestrator import DeploymentSpec

        problems: list[str] = []
        for one in scenarios:
            parameters: dict[str, Json] = asdict(one.request("schedule"))
            try:
                await self._flow_host.adopt(DeploymentSpec(one.pattern, one.name, parameters, one.cron))
            except InputError as error:  # this scenario's fault must not keep the others from waking
                problems.append(str(error))
        return problems

    async def look(self, wakes: Iterable[Wake]) -> None:
        """One pass: start what is due and is not going already."""
        for wake in wakes:
            await self._start(wake)
        self._passes += 1

    def describe(self) -> dict[str, Json]:
        return {"passes": self._passes, "interval_seconds": self._interval, "problem": self._problem}

    async def _start(self, wake: Wake) -> None:
        key = (wake.scenario, wake.trigger)
        await self._judge_last(key)
        if time.monotonic() < self._not_before.get(key, 0.0):
            return
        started = await self._flow_host.order(RunOrder(wake.flow, wake.parameters, wake.scenario, wake.trigger))
        if not started.active:
            self._last[key] = started.flow_run_id
            log.info("%s woke %s: run %s", wake.trigger, wake.scenario, started.flow_run_id)

    async def _judge_last(self, key: tuple[str, str]) -> None:
        """A wake that comes back although its run has ended badly waits longer each time; it never stops."""
        run_id = self._last.get(key)
        if run_id is None:
            return
        run = await self._flow_host.describe(UUID(run_id))
        if not run["final"]:
            return
        del self._last[key]
        failures = 0 if run["type"] == "COMPLETED" else self._failures.get(key, 0) + 1
        self._failures[key] = failures
        if failures:
            pause = _PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS)) - 1]
            self._not_before[key] = time.monotonic() + pause

    def _report(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("watching: %s", problem)
        self._problem = problem
