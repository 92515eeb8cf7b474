"""A real `landbridge up` with flows that do next to nothing: what the host does is all there is to see.

The fixtures that start and end it are in `tests.services.running_host`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from landbridge import settings
from landbridge.client import Client, RunOrder
from landbridge.lock import is_held
from landbridge.record import read_record
from tests.services.prefect_database import give_database

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
FLOWS = Path(__file__).parents[1] / "flows"
START = (
    "import sys; from landbridge.host.launch import start_background; start_background(sys.argv[1], sys.argv[2], 100.0)"
)
INVENTORY = """\
name: lab
sites:
  cloud: {kind: cloud, registry: {driver: mlflow, port: 0}}
targets:
  cloud-cpu: {site: cloud, driver: local, roles: [train], capacity: {cpu: 1, memory: 1Gi}}
"""


T = TypeVar("T")


def until(happens: Callable[[], T], seconds: float = 60.0) -> T:
    """The first true answer of `happens`, asked again and again; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := happens()):
        assert time.monotonic() < deadline, f"did not happen within {seconds:g} s"
        time.sleep(0.05)
    return answer


@dataclass(frozen=True)
class RunningHost:
    """A host and what a test asks of it."""

    home: Path
    inventory: Path

    @property
    def client(self) -> Client:
        return Client(self.home)

    @property
    def record(self) -> dict[str, Any]:
        return read_record(self.home)

    def start(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        give_database(self.home)
        path = os.pathsep.join([str(FLOWS), os.environ.get("PYTHONPATH", "")])
        return subprocess.run(
            [sys.executable, "-c", START, str(self.home), str(self.inventory)],
            env=os.environ
            | {"PYTHONPATH": path, "LANDBRIDGE_FLOWS": "small_flows", "LANDBRIDGE_PREFECT_PORT": "0"}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def kill(self) -> None:
        """What the out-of-memory killer does."""
        os.kill(self.record["pid"], signal.SIGKILL)
        until(lambda: not is_held(self.home))

    def run(self, flow: str, **parameters: Any) -> str:
        return self.client.run(RunOrder(flow, parameters)).flow_run_id

    def follow(self, flow_run_id: str) -> list[dict[str, Any]]:
        return list(self.client.follow(flow_run_id))

    def prefect(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the Prefect server itself, as its UI does; again when its database is locked, as its own client does."""

        def ask() -> httpx.Response | None:
            answer = httpx.request(method, self.record["prefect"]["url"] + path, json=body, timeout=20.0)
            return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

        answer = until(ask)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def state(self, flow_run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.prefect("GET", f"/flow_runs/{flow_run_id}")["state"]
        return found

    def ended(self, flow_run_id: str, name: str) -> dict[str, Any]:
        """The run's state once it is called `name`, which no final state may forestall."""
        state = until(
            lambda: state if (state := self.state(flow_run_id))["name"] == name or state["type"] in FINAL else None
        )
        assert state["name"] == name, state
        return state

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started for this home, however it came to be."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get(settings.HOME_VARIABLE) == str(self.home)
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def log(self) -> str:
        return (self.home / "services" / "up.log").read_text()


@dataclass(frozen=True, slots=True)
class Registry:
    """An MLflow server. `artifacts`: the folder behind its artifact proxy."""

    url: str
    artifacts: Path


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def make_host(folder: Path, inventory: str = INVENTORY) -> RunningHost:
    path = folder / "inventory.yaml"
    path.write_text(inventory)
    return RunningHost(folder / "home", path)


def started(host: RunningHost, **environment: str) -> RunningHost:
    said = host.start(**environment)
    assert said.returncode == 0, said.stderr + host.log()
    return host


def last(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert events, "no event"
    return json.loads(json.dumps(events[-1]))  # type: ignore[no-any-return]
