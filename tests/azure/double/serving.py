"""One online deployment as it really serves: a process with the registered model, behind a Unix socket."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from landbridge.domain.scenario import Probe
from landbridge.domain.values import ColourPhase
from landbridge.drivers.local.agent_process import Launch, ServerProcess
from tests.azure.double.arm import OperationError
from tests.azure.double.durations import seconds
from tests.azure.double.uris import locate
from tests.azure.double.wire import ArmError, Json, said
from tests.azure.double.world import World

if TYPE_CHECKING:
    from landbridge.runner.forks import Child, Forks

SERVER = "landbridge.runner.model_server:serve"
_serial = itertools.count(1)
_CODES = {
    "MissingPackage": "UserScriptImportError",
    "LoadFailed": "DeploymentCrashLoopBackOff",
    "NoModel": "BadArgument",
}


@dataclass(slots=True)
class ModelServer:
    """Starts and ends it. `environment` is the process's, under the deployment's own variables."""

    world: World
    deployment: Mapping[str, Json]
    forks: "Forks"
    environment: Mapping[str, str]
    limit_seconds: float
    folder: Path = field(init=False)
    client: httpx.AsyncClient = field(init=False)
    _process: ServerProcess | None = None

    def __post_init__(self) -> None:
        self.folder = self.world.root / "serving" / str(next(_serial))
        socket = str(self.folder / "server.sock")
        self.client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=socket), timeout=None)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    async def start(self) -> None:
        """Returns when the model answers.

        Raises:
            OperationError: it never will, with the code that Azure has for it, or not within the limit.
        """
        self.folder.mkdir(parents=True)
        order = self._order()
        process = ServerProcess(self._launch(order), lambda: None)
        self._process = process
        process.start()
        deadline = asyncio.get_running_loop().time() + self.limit_seconds
        while process.phase is ColourPhase.PENDING:
            if asyncio.get_running_loop().time() > deadline:
                raise OperationError("ResourceNotReady", "The deployment was not ready within the limit of 20 minutes.")
            await asyncio.sleep(0.01)
        if process.phase is ColourPhase.FAILED:
            raise self._failure(process.reason, order["flavour"])

    async def stop(self) -> None:
        if self._process is not None:
            child = self._process.child
            if self._process.phase is not ColourPhase.READY and child is not None:
                _kill(child.pid)  # it loads or hangs, and has no request to end
            await self._process.stop()
            if child is not None:
                _kill(child.pid)
        await self.client.aclose()
        shutil.rmtree(self.folder, ignore_errors=True)

    def text(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _failure(self, reason: str, flavour: str) -> OperationError:
        if self.deployment["properties"]["endpointComputeType"] != "Kubernetes":
            return OperationError("ResourceNotReady", f"User container has crashed or terminated: {reason}")
        word = reason.partition(":")[0]
        otherwise = "UserScriptInitFailed" if flavour == "score" else "DeploymentCrashLoopBackOff"
        return OperationError(_CODES.get(word, otherwise), reason)

    def _order(self) -> dict[str, Json]:
        properties = self.deployment["properties"]
        settings = properties["requestSettings"]
        code = properties.get("codeConfiguration")
        model = self._model(is_plain=bool(code))
        scoring = None
        if code:
            folder = self._fetch(code["codeId"], self.folder / "code")
            scoring = {"folder": str(folder), "script": code["scoringScript"], "digest": ""}
        given = {key: str(value) for key, value in said(properties.get("environmentVariables")).items()}
        return {
            "flavour": "score" if code else "mlflow",
            "model": str(model),
            "digest": "",
            "scoring": scoring,
            "socket": str(self.folder / "server.sock"),
            "reason": str(self.folder / "reason.json"),
            "colour": self.deployment["name"],
            "environment": {**self.environment, **given},
            "request_timeout_ms": int(1000 * seconds(settings["requestTimeout"])),
            "max_queue_wait_ms": int(1000 * seconds(settings["maxQueueWait"])),
            "max_concurrent": settings["maxConcurrentRequestsPerInstance"],
        }

    def _model(self, is_plain: bool) -> Path:
        """As Azure lays it out: a script finds the registered folder or file inside AZUREML_MODEL_DIR."""
        identifier = self.deployment["properties"].get("model")
        if not identifier:
            return self.folder
        model = self.world.resources.find(identifier)
        if model is None:
            raise OperationError("BadArgument", f"The model {identifier} was not found.")
        if not is_plain and model["properties"]["modelType"] != "mlflow_model":
            raise OperationError("BadArgument", "A model that is no mlflow_model needs a scoring script.")
        place = locate(self.world, identifier)
        root = self.folder / "models" / model["id"].split("/")[-3] / model["name"]
        path = self._fetch(identifier, root / place.name)
        return root if is_plain else path

    def _fetch(self, uri: str, target: Path) -> Path:
        try:
            place = locate(self.world, uri)
            is_file = place.path in self.world.blobs.make(place.container).blobs
            return self.world.blobs.fetch(place.container, place.path, target.parent if is_file else target)
        except (FileNotFoundError, ArmError) as error:
            raise OperationError("BadArgument", f"Failed to download {uri}: {error}") from error

    def _launch(self, order: dict[str, Json]) -> Launch:
        properties = self.deployment["properties"]

        async def start() -> "Child":
            return await self.forks.spawn(SERVER, order, self.log, f"az {self.deployment['name']}")

        probes = (_probe(properties.get("livenessProbe")), _probe(properties.get("readinessProbe")))
        return Launch(start, self.deployment["id"], Path(order["socket"]), Path(order["reason"]), *probes)


def _kill(pid: int) -> None:
    """The whole group: a worker of gunicorn that hangs does not notice that its master is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _probe(given: Mapping[str, Json] | None) -> Probe:
    given, usual = given or {}, Probe()
    return Probe(
        max(1, int(seconds(given.get("period"), usual.period))),
        int(seconds(given.get("initialDelay"), usual.initial_delay)),
        max(1, int(seconds(given.get("timeout"), usual.timeout))),
        int(given.get("successThreshold") or usual.success_threshold),
        int(given.get("failureThreshold") or usual.failure_threshold),
    )
