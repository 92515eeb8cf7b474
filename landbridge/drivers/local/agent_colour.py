"""One colour that runs: its processes, and what they say together."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landbridge.domain.requests import ColourSpec, ColourStatus
from landbridge.domain.values import ColourPhase, Json
from landbridge.drivers.local.agent_process import Launch, ServerProcess
from landbridge.drivers.local.serving_record import Wanted
from landbridge.drivers.local.xds import Upstream
from landbridge.runner import model_server

if TYPE_CHECKING:
    from landbridge.runner.forks import Child, Forks

CURRENT = "current"
_TARGET = "landbridge.runner.model_server:serve"
_WORST = (ColourPhase.FAILED, ColourPhase.PENDING, ColourPhase.READY)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a colour's processes listen, log and leave word. `sockets` begins a path: instance numbers follow."""

    sockets: str
    log: Path


class RunningColour:
    """The processes of one order. `changed` is called whenever the status may be new."""

    def __init__(self, wanted: Wanted, places: Places, forks: "Forks", changed: Callable[[], None]) -> None:
        self.wanted = wanted
        self._places, self._forks, self._changed = places, forks, changed
        self._processes = [ServerProcess(self._launch(number), changed) for number in range(instances(wanted.spec))]

    @property
    def upstream(self) -> Upstream:
        sockets = tuple(str(self._socket(number)) for number in range(len(self._processes)))
        return Upstream(self.wanted.cluster, sockets, _connections(self.wanted.spec, len(sockets)))

    @property
    def phase(self) -> ColourPhase:
        """Ready when all instances are; Failed when one has given up."""
        return min((process.phase for process in self._processes), key=_WORST.index)

    def children(self) -> list["Child"]:
        return [process.child for process in self._processes if process.child and process.child.code is None]

    def status(self) -> ColourStatus:
        spec, phase = self.wanted.spec, self.phase
        reason = next((process.reason for process in self._processes if process.phase is phase), "")
        restarts = sum(process.restarts for process in self._processes)
        return ColourStatus(spec.colour, phase, spec.model, spec.version, spec.model_digest, reason, restarts)

    def start(self) -> None:
        for process in self._processes:
            process.start()

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self._processes))

    def _socket(self, number: int) -> Path:
        return Path(f"{self._places.sockets}-{number}.sock")

    def _launch(self, number: int) -> Launch:
        reason = self._socket(number).with_suffix(".reason")
        settings = self.wanted.spec.settings
        name = f"{self.wanted.spec.endpoint} {self.wanted.spec.colour}"

        async def start() -> "Child":
            spec = self.wanted.spec
            order = _order(spec, self._socket(number), reason)
            if spec.environment.python in ("", CURRENT, sys.executable):
                return await self._forks.spawn(_TARGET, order, self._places.log, name)
            return await self._start_cold(spec.environment.python, order, reason.with_suffix(".order"))

        return Launch(start, name, self._socket(number), reason, settings.liveness_probe, settings.readiness_probe)

    async def _start_cold(self, python: str, order: dict[str, Json], path: Path) -> "Child":
        """In an interpreter of its own: nothing is imported yet, and nothing of ours is there."""
        path.touch(mode=0o600)
        path.write_text(json.dumps(order), encoding="utf-8")
        command = [python, os.path.abspath(model_server.__file__), str(path)]  # noqa: PTH100
        return await self._forks.command(command, self._places.log, str(order["colour"]))


def instances(spec: ColourSpec) -> int:
    """How many processes serve the colour; a scale range is served at its lower end."""
    scaled = spec.settings.scale_type != "default"
    return max(1, spec.settings.min_instances if scaled else spec.settings.instance_count)


def local_path(url: str) -> str:
    return url.removeprefix("file://")


def _connections(spec: ColourSpec, processes: int) -> int:
    """A score.py takes one request at a time per worker: more would wait unseen in a socket's queue."""
    return processes * _workers(spec) if spec.scoring else 0


def _workers(spec: ColourSpec) -> int:
    count = spec.settings.environment_variables.get("WORKER_COUNT", "")
    return int(count) if count.isdigit() else spec.settings.max_concurrent_requests_per_instance


def _order(spec: ColourSpec, socket: Path, reason: Path) -> dict[str, Json]:
    settings = spec.settings
    scoring: Json = None
    if spec.scoring:
        scoring = {**asdict(spec.scoring), "folder": local_path(spec.scoring.folder)}
    return {
        "flavour": "score" if spec.scoring else "mlflow",
        "model": local_path(spec.model_url),
        "digest": spec.model_digest,
        "scoring": scoring,
        "socket": str(socket),
        "reason": str(reason),
        "colour": spec.colour,
        "environment": dict(settings.environment_variables),
        "request_timeout_ms": settings.request_timeout_ms,
        "max_queue_wait_ms": settings.max_queue_wait_ms,
        "max_concurrent": settings.max_concurrent_requests_per_instance,
    }
