"""Runs flows: takes orders and due schedules, starts each run in a warm child, and sees that every run has an end."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.flows import Flow
from prefect.states import Cancelled, Crashed

from landbridge.client import RunOrder, Started, events_path
from landbridge.domain.errors import InputError, PermanentError, TargetUnavailableError
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json
from landbridge.host.due import DueRun, choose
from landbridge.host.events import end_story, last_event
from landbridge.host.orchestrator import OURS, UNFINISHED, DeploymentSpec, Orchestrator
from tasks.progress import emit, recorded_in

POLL_SECONDS = 1.0
DEFAULT_LIMIT = 2  # SQLite under Prefect locks up with more parallel runs on a small machine
_STOP_SECONDS = 10.0
_ANNOUNCE_SECONDS = 20.0  # it costs the server a write; it believes us for 60 s
CHILD = "landbridge.host.flow_child:execute"

log = logging.getLogger("landbridge.host")


class Child(Protocol):
    """A forked process (see `landbridge.runner.forks`)."""

    pid: int
    create_time: float

    async def wait(self) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Spawns(Protocol):
    async def spawn(self, target: str, payload: Mapping[str, Any], log_path: Path, name: str) -> Child: ...


@dataclass(slots=True)
class _Live:
    run: FlowRun
    key: str
    child: Child
    reaper: "asyncio.Task[None]"
    ended_by: str = ""  # why we end it: the words of its last state
    cancelled: bool = False


class FlowHost:
    """Hosts the runs of our deployments. All methods belong to the host's event loop."""

    def __init__(self, home: Path, forks: Spawns, api: Orchestrator, limit: int = DEFAULT_LIMIT) -> None:
        self._home, self._forks, self._api, self._limit = home, forks, api, limit
        self._flows: dict[str, Flow[..., Any]] = {}
        self._ours: dict[UUID, str] = {}  # deployment → key in flows.ALL
        self._general: dict[str, UUID] = {}  # key in flows.ALL → its deployment without parameters
        self._adopted: dict[tuple[str, str], DeploymentSpec] = {}
        self._live: dict[UUID, _Live] = {}
        self._waiting: dict[str, UUID] = {}  # scenario → ordered run that found no free place
        self._starting = asyncio.Lock()
        self._poke = asyncio.Event()
        self._announced = float("-inf")
        self._chores: set[asyncio.Task[Any]] = set()
        self.problem = ""  # of the last poll, for /health

    async def start(self, flows: "Mapping[str, Flow[..., Any]]") -> None:
        """Register all flows, find the deployments of adopted scenarios, and end the runs that a killed host left."""
        self._flows = dict(flows)
        names = {flow.name: key for key, flow in flows.items()}
        for key, flow in flows.items():
            self._general[key] = await self._api.deploy(flow, DeploymentSpec(key, OURS, {}))
            self._ours[self._general[key]] = key
        for deployment, name in (await self._api.deployments()).items():
            if name in names:
                self._ours[deployment] = names[name]
        for run in await self._api.runs(self._ours, states=UNFINISHED):
            await self._bury(run)

    async def order(self, order: RunOrder) -> Started:
        """Start a run at once; a run of the same scenario that is going or waiting is returned instead.

        Raises:
            InputError: no such flow.
        """
        if order.flow not in self._general:
            raise InputError(
                f"No flow {order.flow!r}{nearest(order.flow, self._general)}.",
                f"Use one of: {', '.join(self._general)}.",
            )
        async with self._starting:
            if active := self._active(_key(order.parameters)):
                return Started(str(active), self._api.url(active), active=True)
            at_once = len(self._live) < self._limit
            tags = [f"trigger:{order.trigger}", *([f"scenario:{order.scenario}"] if order.scenario else [])]
            deployment = self._general[order.flow]
            run = await self._api.create(deployment, order.parameters, tags, order.idempotency, at_once)
            if run.id in self._live or run.start_time or (run.state and run.state.is_final()):  # the key's first run
                return Started(str(run.id), self._api.url(run.id), active=True)
            if at_once:
                await self._spawn(run)
            else:
                self._waiting[_key(order.parameters)] = run.id
        return Started(str(run.id), self._api.url(run.id))

    async def adopt(self, spec: DeploymentSpec) -> None:
        """Ensure a scenario's own deployment, with its parameters and schedule. Asks nobody when it knows it is so."""
        if spec.flow in self._flows and self._adopted.get((spec.flow, spec.name)) != spec:
            self._ours[await self._api.deploy(self._flows[spec.flow], spec)] = spec.flow
            self._adopted[spec.flow, spec.name] = spec

    async def describe(self, flow_run_id: UUID) -> dict[str, Json]:
        """One run as JSON; `exit` is its last event once it has ended."""
        run = await self._api.read(flow_run_id)
        return self._table_row(run) | {"exit": last_event(self._home, str(flow_run_id))}

    async def recent(self, limit: int) -> list[dict[str, Json]]:
        return [self._table_row(run) for run in await self._api.runs(self._ours, limit=limit)]

    async def stop(self, flow_run_id: UUID, why: str = "Stopped by `landbridge stop`.") -> None:
        """Cancel a run; returns when its process is gone. Silent when it has ended."""
        live = self._live.get(flow_run_id)
        if live is not None:
            await self._end(live, why, cancelled=True)
            return
        run = await self._api.read(flow_run_id)
        if run.state is None or not run.state.is_final():
            await self._api.end(flow_run_id, Cancelled(message=why))
            self._last_word(flow_run_id, "Cancelled", why)

    async def serve(self) -> None:
        """Poll until cancelled. A pass that fails is told in `problem` and tried again: the server may be restarting."""
        while True:
            try:
                await self._announce()
                await self.poll()
                self.problem = ""
            except TargetUnavailableError as error:
                self.problem = str(error)
                log.warning("polling for due runs: %s", error)
            except Exception as error:
                self.problem = f"{type(error).__name__}: {error}"
                log.exception("polling for due runs failed")
            self._poke.clear()
            try:
                await asyncio.wait_for(self._poke.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def poll(self) -> None:
        """One pass: start what is due, skip what was missed, end what was cancelled in the UI."""
        async with self._starting:
            due = {run.id: run for run in await self._api.due(self._ours)}
            free = self._limit - len(self._live)
            choice = choose([_due(run) for run in due.values()], [live.key for live in self._going()], free)
            for run_id in choice.skip:
                await self._api.end(
                    run_id, Cancelled(message="Missed while landbridge was down or busy; a later one runs.")
                )
            for run_id in choice.start:
                if await self._api.claim(run_id):
                    await self._spawn(due[run_id])
        for run in await self._cancelling():
            self._chore(self.stop(run.id, "Cancelled in Prefect."))

    async def _announce(self) -> None:
        if time.monotonic() - self._announced > _ANNOUNCE_SECONDS:
            await self._api.announce(self._ours)
            self._announced = time.monotonic()

    async def _cancelling(self) -> list[FlowRun]:
        """Those of our living runs that somebody cancelled in the UI."""
        return await self._api.runs(ids=self._live, states=[StateType.CANCELLING]) if self._live else []

    async def close(self) -> None:
        """End every run in an orderly way; they can be run again and resume."""
        why = "landbridge went down; running the scenario again resumes it."
        await asyncio.gather(*(self._end(live, why) for live in list(self._live.values())))
        await asyncio.gather(*self._chores, return_exceptions=True)

    def processes(self) -> list[dict[str, Json]]:
        """How a later host finds the children of this one again."""
        return [
            {"name": f"run {live.run.id}", "pid": live.child.pid, "create_time": live.child.create_time}
            for live in self._live.values()
        ]

    def _active(self, key: str) -> UUID | None:
        if not key:
            return None
        live = next((live.run.id for live in self._going() if live.key == key), None)
        return live or self._waiting.get(key)

    def _going(self) -> list[_Live]:
        """Without those that have told their end and only send their last logs."""
        return [live for live in self._live.values() if last_event(self._home, str(live.run.id)) is None]

    async def _spawn(self, run: FlowRun) -> None:
        folder = events_path(self._home, str(run.id)).parent
        folder.mkdir(parents=True, exist_ok=True)
        assert run.deployment_id is not None
        with recorded_in(events_path(self._home, str(run.id))):
            emit("run", "started", f"flow run {run.name}")
        payload = {
            "home": str(self._home),
            "flow": self._ours[run.deployment_id],
            "flow_run": run.model_dump(mode="json"),
        }
        child = await self._forks.spawn(CHILD, payload, folder / "process.log", f"landbridge run {run.name}")
        key = _key(run.parameters)
        self._waiting.pop(key, None)
        reaper = asyncio.create_task(self._reap(run.id), name=f"reap {run.id}")
        self._live[run.id] = _Live(run, key, child, reaper)

    async def _reap(self, run_id: UUID) -> None:
        """Wait for the child's end, and say it to Prefect and to the followers when the child could not."""
        live = self._live[run_id]
        code = await live.child.wait()
        try:
            await self._settle(live, code)
        except TargetUnavailableError as error:  # the server is down too: the next start of the host buries the run
            log.warning("run %s ended (%s), Prefect does not know: %s", run_id, code, error)
        finally:
            self._live.pop(run_id, None)
            self._poke.set()

    async def _settle(self, live: _Live, code: int) -> None:
        why = live.ended_by or f"Its process ended unexpectedly ({_exit_words(code)})."
        outcome = "Cancelled" if live.cancelled else "Crashed"
        self._last_word(live.run.id, outcome, why)
        state = (await self._api.read(live.run.id)).state
        if live.cancelled and (state is None or not state.is_completed()):
            await self._api.end(live.run.id, Cancelled(message=why))
        elif state is None or not state.is_final():
            await self._api.end(live.run.id, Crashed(message=why))

    async def _end(self, live: _Live, why: str, cancelled: bool = False) -> None:
        live.ended_by, live.cancelled = why, cancelled
        live.child.terminate()
        done, _ = await asyncio.wait({live.reaper}, timeout=_STOP_SECONDS)
        if not done:
            live.child.kill()
            await live.reaper

    async def _bury(self, run: FlowRun) -> None:
        """End a run whose process died with a former host."""
        if run.state is not None and run.state.is_cancelling():
            await self._api.end(run.id, Cancelled(message="Cancelled while landbridge was down."))
            self._last_word(run.id, "Cancelled", "It was cancelled while landbridge was down.")
            return
        why = "Process lost: the landbridge host was killed while it ran. Run the scenario again to resume."
        await self._api.end(run.id, Crashed(message=why))
        self._last_word(run.id, "Crashed", why)

    def _last_word(self, run_id: UUID, outcome: str, why: str) -> None:
        kind = PermanentError if outcome == "Cancelled" else TargetUnavailableError
        log_path = events_path(self._home, str(run_id)).parent / "process.log"
        hint = f"Run the scenario again: it resumes. Its log: {log_path}."
        end_story(self._home, str(run_id), outcome, kind(why, hint))

    def _table_row(self, run: FlowRun) -> dict[str, Json]:
        state = run.state
        return {
            "flow_run_id": str(run.id),
            "name": run.name,
            "flow": self._ours.get(run.deployment_id, "") if run.deployment_id else "",
            "tags": list(run.tags),
            "state": state.name if state else "",
            "type": state.type.value if state else "",
            "message": (state.message or "") if state else "",
            "final": bool(state and state.is_final()),
            "url": self._api.url(run.id),
            "started_at": run.start_time.timestamp() if run.start_time else None,
            "ended_at": run.end_time.timestamp() if run.end_time else None,
        }

    def _chore(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: "asyncio.Task[Any]") -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.problem = str(error)
            log.error("a chore of the flow host failed", exc_info=error)


def _key(parameters: Mapping[str, Any]) -> str:
    """Two runs with the same key never go at once: the scenario's file."""
    return str(parameters.get("scenario") or "")


def _due(run: FlowRun) -> DueRun[UUID]:
    schedule = str(run.deployment_id) if run.auto_scheduled else ""
    at = run.next_scheduled_start_time or run.expected_start_time or datetime.now(UTC)
    return DueRun(run.id, _key(run.parameters), schedule, at)


def _exit_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
