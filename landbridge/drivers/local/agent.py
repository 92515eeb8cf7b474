"""The serving agent of one local target: ordered state on disk, processes and a router that follow it.

Lives inside the `landbridge up` process; everybody else asks through `routes`. Level-triggered: whatever was ordered is
on disk before it is done, so a new agent carries on where a killed one stopped.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge import settings
from landbridge.domain.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.requests import ColourSpec, EndpointStatus, RequestCounts
from landbridge.domain.values import ColourPhase
from landbridge.drivers.findings import require_possible
from landbridge.drivers.local import xds
from landbridge.drivers.local.agent_colour import Places, RunningColour
from landbridge.drivers.local.agent_ports import end_leftovers, take_port
from landbridge.drivers.local.envoy import Router
from landbridge.drivers.local.serving_findings import findings
from landbridge.drivers.local.serving_record import Endpoint, ServingRecord, Wanted

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from landbridge.runner.forks import Child, Forks

DRAIN_POLL_SECONDS = 0.01
ROUTER_SLACK_SECONDS = 2.0  # the model server answers a timeout itself; the router only when that fails

log = logging.getLogger("landbridge.serving")


class SiteAgent:
    """Serves the models of one target. All methods belong to one event loop."""

    def __init__(self, site: str, target: Target, inventory: Inventory, forks: "Forks") -> None:
        self._target, self._inventory, self._forks = target, inventory, forks
        self._record = ServingRecord(inventory.home, target)
        self._endpoints: dict[str, Endpoint] = {}
        self._running: dict[int, RunningColour] = {}  # generation → processes; also those that drain
        self._lock = asyncio.Lock()
        self._chores: set[asyncio.Task[None]] = set()
        self._router: Router | None = None
        self._sockets = ""
        self._name = f"{site}/{target.name}"

    async def start(self) -> None:
        """End what a killed agent left, start the router and every colour that was ordered.

        Raises:
            InputError: the port is taken.
            TargetUnavailableError: the router does not start.
        """
        runtime = settings.runtime_directory(Path(self._inventory.home))
        self._sockets = str(runtime / hashlib.sha256(self._target.name.encode()).hexdigest()[:8])
        self._record.prepare()
        await asyncio.to_thread(end_leftovers, self._record.processes())
        port = take_port(self._target, self._record.port, self._inventory.path)
        self._record.port = port
        self._endpoints = self._record.load()
        for endpoint in self._endpoints.values():
            for wanted in endpoint.colours.values():
                self._run(wanted)
        self._router = Router(
            self._name, self._forks, self._record.folder / "envoy", Path(f"{self._sockets}-admin.sock")
        )
        self._router.write_clusters(self._upstreams())
        self._router.write_routes(self._routed())
        await self._router.start(port, self._note_processes)

    async def stop(self) -> None:
        """End the colours after their requests in flight, then the router. What was ordered stays on disk.

        Silent when it never started: what a killed agent left is still on record then, for the next start.
        """
        if self._router is None:
            return
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await asyncio.gather(*(running.stop() for running in self._running.values()))
        self._running.clear()
        await self._router.stop()
        self._router = None
        self._record.save_processes([])

    def routes(self) -> "list[BaseRoute]":
        """The agent's API as Starlette routes, for the host to mount at `/sites/<target>`."""
        from landbridge.drivers.local.agent_routes import routes

        return routes(self)

    async def apply(self, spec: ColourSpec) -> None:
        """As `ServingTarget.apply`."""
        require_possible(spec, findings(spec, self._target))
        async with self._lock:
            router = self._started()
            endpoint = self._endpoints.setdefault(spec.endpoint, Endpoint(spec.endpoint))
            before = endpoint.colours.get(spec.colour)
            if before and self._go_on(endpoint, before, spec):
                return
            wanted = Wanted(spec, time.time_ns() // 1000)
            endpoint.colours[spec.colour] = wanted
            endpoint.traffic.setdefault(spec.colour, 0)
            self._record.save(endpoint)
            self._run(wanted)
            router.write_clusters(self._upstreams())
            await router.clusters_taken()
            router.write_routes(self._routed())
            await router.routes_taken()
            if before:
                self._chore(self._end(before))

    async def remove(self, endpoint_name: str, colour: str) -> None:
        """As `ServingTarget.remove`; returns when the colour's processes are gone."""
        async with self._lock:
            router = self._started()
            endpoint = self._endpoints.get(endpoint_name)
            wanted = endpoint.colours.get(colour) if endpoint else None
            if endpoint is None or wanted is None:
                return
            if endpoint.traffic[colour]:
                raise ConflictError(
                    f"{colour} of endpoint {endpoint_name} has {endpoint.traffic[colour]} percent of the traffic.",
                    "Shift its traffic to another colour first.",
                )
            del endpoint.colours[colour], endpoint.traffic[colour]
            if not endpoint.colours:
                del self._endpoints[endpoint_name]
            self._record.save(endpoint)
            router.write_routes(self._routed())
            await router.routes_taken()
        await self._end(wanted)

    async def shift(self, endpoint_name: str, weights: Mapping[str, int]) -> None:
        """As `CanShiftTraffic.shift`."""
        if sum(weights.values()) not in (0, 100) or any(weight < 0 for weight in weights.values()):
            raise InputError(
                f"Traffic {dict(weights)} of endpoint {endpoint_name} does not sum to 0 or 100 percent.",
                "Give percentages of 0 to 100 that sum to 100, or 0 for none.",
            )
        async with self._lock:
            router = self._started()
            endpoint = self._endpoints.get(endpoint_name)
            if endpoint is None:
                raise NotFoundError(
                    f"There is no endpoint {endpoint_name} on {self._name}.", "Apply a colour first; it creates one."
                )
            for colour, weight in weights.items():
                if weight:
                    self._require_ready(endpoint, colour)
            await self._set_traffic(router, endpoint, weights)

    def observe(self, endpoint_name: str) -> EndpointStatus:
        """As `ServingTarget.observe`."""
        self._started()
        endpoint = self._endpoints.get(endpoint_name)
        if endpoint is None:
            return EndpointStatus(endpoint_name, "")
        colours = {name: self._running[wanted.generation].status() for name, wanted in endpoint.colours.items()}
        return EndpointStatus(endpoint_name, self._url(endpoint_name), colours, dict(endpoint.traffic))

    async def counts(self, endpoint_name: str) -> Mapping[str, RequestCounts]:
        """As `CanCountRequests.counts`."""
        router = self._started()
        endpoint = self._endpoints.get(endpoint_name)
        clusters = {name: wanted.cluster for name, wanted in endpoint.colours.items()} if endpoint else {}
        found = await router.counts(tuple(clusters.values())) if clusters else {}
        return {name: found[cluster] for name, cluster in clusters.items()}

    def endpoints(self) -> tuple[str, ...]:
        """As `CanListEndpoints.endpoints`."""
        self._started()
        return tuple(sorted(self._endpoints))

    def _started(self) -> Router:
        if self._router is None:
            raise TargetUnavailableError(f"The serving agent of {self._name} is not up.", "Try again in a few seconds.")
        return self._router

    def _go_on(self, endpoint: Endpoint, before: Wanted, spec: ColourSpec) -> bool:
        """Whether what runs is what `spec` orders. A failed colour is not: it is started anew.

        Raises:
            ConflictError: it is not, and has traffic.
        """
        running = self._running[before.generation]
        if _process_of(before.spec) == _process_of(spec) and running.phase is not ColourPhase.FAILED:
            running.wanted = endpoint.colours[spec.colour] = replace(before, spec=spec)
            self._record.save(endpoint)
            return True
        if endpoint.traffic[spec.colour]:
            raise ConflictError(
                f"{spec.colour} of endpoint {spec.endpoint} serves version {before.spec.version} to "
                f"{endpoint.traffic[spec.colour]} percent of the traffic.",
                "Use another colour, or shift its traffic away first.",
            )
        return False

    def _require_ready(self, endpoint: Endpoint, colour: str) -> None:
        wanted = endpoint.colours.get(colour)
        status = self._running[wanted.generation].status() if wanted else None
        if status is None or status.phase is not ColourPhase.READY:
            state = f"is {status.phase} ({status.reason})" if status else "does not exist"
            raise ConflictError(
                f"{colour} of endpoint {endpoint.name} {state}, so it may get no traffic.",
                "Wait until it is Ready, or apply it again.",
            )

    async def _set_traffic(self, router: Router, endpoint: Endpoint, weights: Mapping[str, int]) -> None:
        endpoint.traffic = {name: weights.get(name, 0) for name in endpoint.colours}
        self._record.save(endpoint)
        router.write_routes(self._routed())
        await router.routes_taken()

    async def _end(self, wanted: Wanted) -> None:
        """Wait for the requests in flight of a colour that is out of the routes, then end it."""
        running = self._running.get(wanted.generation)
        if running is None:
            return
        deadline = time.monotonic() + _timeout_seconds(wanted.spec)
        while time.monotonic() < deadline and await self._started().active(wanted.cluster):
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        await running.stop()
        async with self._lock:
            self._running.pop(wanted.generation, None)
            self._note_processes()
            self._started().write_clusters(self._upstreams())

    def _run(self, wanted: Wanted) -> None:
        """Start the processes of an order."""
        log_path = self._record.log(f"{wanted.spec.endpoint}-{wanted.spec.colour}")
        places = Places(f"{self._sockets}-{wanted.generation:x}", log_path)
        running = RunningColour(wanted, places, self._forks, lambda: self._changed(wanted.spec.endpoint))
        self._running[wanted.generation] = running
        running.start()

    def _changed(self, endpoint: str) -> None:
        self._note_processes()
        if any(self._carries_failed(self._endpoints.get(endpoint))):
            self._chore(self._rescue(endpoint))

    def _carries_failed(self, endpoint: Endpoint | None) -> list[str]:
        """Colours of the endpoint that have traffic but have failed."""
        return [
            name
            for name, wanted in (endpoint.colours if endpoint else {}).items()
            if endpoint and endpoint.traffic[name] and self._phase(wanted) is ColourPhase.FAILED
        ]

    async def _rescue(self, name: str) -> None:
        """Take the traffic of a failed colour to one that is Ready and has given good answers, if there is one."""
        async with self._lock:
            router, endpoint = self._started(), self._endpoints.get(name)
            if endpoint is None or not self._carries_failed(endpoint):
                return
            ready = {
                colour: wanted
                for colour, wanted in endpoint.colours.items()
                if self._phase(wanted) is ColourPhase.READY
            }
            counts = await router.counts([wanted.cluster for wanted in ready.values()]) if ready else {}
            proven = {
                colour: counts[wanted.cluster].answered - counts[wanted.cluster].failed
                for colour, wanted in ready.items()
            }
            best = max(proven, key=lambda colour: (endpoint.traffic[colour], proven[colour]), default="")
            if best and (endpoint.traffic[best] or proven[best]):
                log.warning(
                    "%s keeps crashing; all traffic of %s goes to %s", self._carries_failed(endpoint), name, best
                )
                await self._set_traffic(router, endpoint, {best: 100})

    def _phase(self, wanted: Wanted) -> ColourPhase:
        return self._running[wanted.generation].phase

    def _upstreams(self) -> list[xds.Upstream]:
        return [running.upstream for running in self._running.values()]

    def _routed(self) -> list[xds.Routed]:
        return [
            xds.Routed(
                endpoint.name,
                {name: wanted.cluster for name, wanted in endpoint.colours.items()},
                endpoint.traffic,
                max(_timeout_seconds(wanted.spec) for wanted in endpoint.colours.values()),
            )
            for endpoint in self._endpoints.values()
            if endpoint.colours
        ]

    def _url(self, endpoint: str) -> str:
        return f"http://{xds.LISTENER}:{self._started().port}{xds.endpoint_path(endpoint)}"

    def _note_processes(self) -> None:
        """Write down what lives, for the agent after a kill."""
        children: list[Child] = [child for running in self._running.values() for child in running.children()]
        if self._router is not None and self._router.child is not None:
            children.append(self._router.child)
        self._record.save_processes([{"pid": child.pid, "create_time": child.create_time} for child in children])

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: "asyncio.Task[None]") -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a chore of the agent of %s failed", self._name, exc_info=error)


def _process_of(spec: ColourSpec) -> ColourSpec:
    """What decides the process: the name of a version, its place and its labels do not, as long as the bytes are the same."""
    url = "" if spec.model_digest else spec.model_url
    return replace(spec, model="", version="", model_url=url, labels={})


def _timeout_seconds(spec: ColourSpec) -> float:
    """How long a request may take in all, waiting included."""
    milliseconds = spec.settings.request_timeout_ms + spec.settings.max_queue_wait_ms
    return milliseconds / 1000 + ROUTER_SLACK_SECONDS
