"""One job as it really runs: its inputs fetched, its code started as a process of this machine, its outputs put away."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.azure.double.arm import now
from tests.azure.double.durations import seconds
from tests.azure.double.job_processes import Processes
from tests.azure.double.uris import locate, run_folder
from tests.azure.double.wire import ArmError, Json, said
from tests.azure.double.world import ARTIFACTS, World

LOGS = "user_logs"
ENDED = ("Completed", "Failed", "Canceled")
_EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.([A-Za-z_]\w*)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
_NOT_FOR_JOBS = ("AZUREML_", "AZURE_", "LANDBRIDGE_", "PREFECT_", "MLFLOW_", "PYTHONPATH", "HTTPS_PROXY", "HTTP_PROXY")


class JobError(Exception):
    """Why the job failed before or without its code: Azure's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(slots=True)
class JobRun:
    """Runs the command job `resource`, and keeps its `status` as Azure does.

    Attributes:
        has_room: asked until the compute has room; raises JobError when it never will.
        environment: of the process, under the job's own variables.
        completed: called before the job counts as completed.
    """

    world: World
    resource: dict[str, Json]
    folder: Path
    has_room: Callable[[], bool]
    environment: Mapping[str, str]
    completed: Callable[[dict[str, Json]], None]
    status: str = "NotStarted"
    error: dict[str, Json] | None = None
    started: str = ""
    ended: str = ""
    _task: asyncio.Task[None] | None = None
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _values: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of inputs and outputs, by kind and name."""

    @property
    def name(self) -> str:
        return str(self.resource["name"])

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"job {self.name}")

    async def cancel(self) -> None:
        """Returns when the job is over; silent when it was."""
        if self.status not in ENDED:
            self.status = "CancelRequested"
            self._cancelled.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        properties = self.resource["properties"]
        try:
            await self._unless_cancelled(self._queue())
            self.status = "Preparing"
            command, outputs = self._prepare(properties)
            self.status, self.started = "Running", now()
            code = await self._execute(command, properties)
            self._put_outputs(outputs)
            if not self._cancelled.is_set():
                self.status = "Finalizing"
                self._conclude(code)
            else:
                self.status = "Canceled"
        except _CancelledError:
            self.status = "Canceled"
        except JobError as error:
            self._fail(error.code, error.message)
        except ArmError as error:
            self._fail(error.code, error.message)
        except Exception as error:  # noqa: BLE001  # a fault of the double shows as the job's
            self._fail("ServiceError", f"The double failed: {type(error).__name__}: {error}")
            self.world.recorder.failures.append(f"job {self.name}: {error!r}")
        finally:
            self.ended = now()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _queue(self) -> None:
        self.status = "Queued"
        while not self.has_room():
            await asyncio.sleep(0.02)

    async def _unless_cancelled(self, work: Awaitable[None]) -> None:
        task, cancelled = asyncio.ensure_future(work), asyncio.ensure_future(self._cancelled.wait())
        await asyncio.wait([task, cancelled], return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if not task.done():
            task.cancel()
            raise _CancelledError
        task.result()

    def _prepare(self, properties: dict[str, Json]) -> tuple[str, dict[str, Path]]:
        """Make the folder as the code will find it; returns the command and where its outputs will lie."""
        code = self.folder / "code"
        code.mkdir(parents=True)
        if properties.get("codeId"):
            self._fetch(properties["codeId"], code)
        values = {name: self._input(name, one) for name, one in (properties.get("inputs") or {}).items() if one}
        outputs = {name: self.folder / "outputs" / name for name in properties["outputs"] if name != "default"}
        for name, path in outputs.items():
            is_file = properties["outputs"][name]["jobOutputType"] == "uri_file"
            (path.parent if is_file else path).mkdir(parents=True, exist_ok=True)
        places = {name: str(path) for name, path in outputs.items()}
        self._values = {"inputs": values, "outputs": places}
        return render(properties["command"], self._values), outputs

    def _input(self, name: str, one: Mapping[str, Json]) -> str:
        if one["jobInputType"] == "literal":
            return str(one["value"])
        if one.get("mode") == "Direct":
            return str(one["uri"])
        return str(self._fetch(one["uri"], self.folder / "inputs" / name))

    def _fetch(self, uri: str, target: Path) -> Path:
        try:
            place = locate(self.world, uri)
            return self.world.blobs.fetch(place.container, place.path, target)
        except FileNotFoundError as error:
            raise JobError("UserError", f"Unable to mount or download {uri}: {error}") from error

    async def _execute(self, command: str, properties: dict[str, Json]) -> int:
        processes = Processes(self.folder, self._put_logs)
        await processes.run(command, properties, self._variables(properties))
        return await processes.wait(seconds((properties.get("limits") or {}).get("timeout")), self._cancelled)

    def _variables(self, properties: dict[str, Json]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_FOR_JOBS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        told = {
            f"AZURE_ML_{kind[:-1].upper()}_{name}": value
            for kind, named in self._values.items()
            for name, value in named.items()
        }
        own = {
            "AZUREML_RUN_ID": self.name,
            "AZUREML_EXPERIMENT_NAME": properties["experimentName"],
            "AZUREML_NODE_COUNT": "1",
        }
        given = {key: str(value) for key, value in said(properties.get("environmentVariables")).items()}
        return {**kept, "PATH": path, **self.environment, **own, **told, **given}

    def _put_logs(self) -> None:
        container, prefix = self.world.container(ARTIFACTS), f"{run_folder(self.name)}/{LOGS}"
        for log in self.folder.glob("std_log*.txt"):
            self.world.blobs.put(container, f"{prefix}/{log.name}", log.read_bytes())

    def _put_outputs(self, outputs: Mapping[str, Path]) -> None:
        properties = self.resource["properties"]
        for name, path in outputs.items():
            place = locate(self.world, properties["outputs"][name]["uri"])
            if path.is_file():
                self.world.blobs.put(place.container, place.path, path.read_bytes())
            elif path.is_dir():
                self.world.blobs.put_folder(place.container, place.path, path)
        for name in ("outputs", "logs"):  # what the code leaves in these folders goes along with its run
            if (folder := self.folder / "code" / name).is_dir():
                self.world.blobs.put_folder(self.world.container(ARTIFACTS), f"{run_folder(self.name)}/{name}", folder)

    def _conclude(self, code: int) -> None:
        if code == 0:
            self.completed(self.resource)
            self.status = "Completed"
            return
        logs = sorted(self.folder.glob("std_log*.txt"), key=lambda log: log.stat().st_mtime)
        tail = logs[-1].read_text(errors="replace").strip()[-1000:]
        self._fail(
            "UserError", f"Execution failed. User process '/bin/sh' exited with status code {code}. Error: {tail}"
        )

    def _fail(self, code: str, message: str) -> None:
        self.error = {"code": code, "message": message}
        self.status = "Failed"


class _CancelledError(Exception):
    """The job was cancelled before it ran."""


def render(command: str, values: Mapping[str, Mapping[str, str]]) -> str:
    """Put inputs and outputs in; a part `$[[ … ]]` whose input has no value is left out. Raises JobError."""

    def value(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if name not in values[kind]:
            raise JobError("UserError", f"Failed to resolve {match[0]} of the command.")
        return values[kind][name]

    def optional(match: re.Match[str]) -> str:
        has_all = all(name in values[kind] for kind, name in _EXPRESSION.findall(match[1]))
        return match[1] if has_all else ""

    return _EXPRESSION.sub(value, _OPTIONAL.sub(optional, command))
