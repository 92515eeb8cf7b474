"""A real MLflow server, once per test session, for every suite that asks for the fixture `mlflow_server`.

A test module gets it with `pytest_plugins = ["tests.services.mlflow_server"]`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

_READY_SECONDS = 90.0  # 4 s on an idle machine; a fresh database is migrated first


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """`artifacts`: the folder behind its artifact proxy."""

    url: str
    artifacts: Path


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("mlflow")
    server = MlflowServer(f"http://127.0.0.1:{free_port()}", folder / "artifacts")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _command(server, folder), cwd=folder, env=_environment(), stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_ready(server.url, process, folder / "log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _command(server: MlflowServer, folder: Path) -> list[str]:
    port = server.url.rsplit(":", 1)[1]
    return [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", port),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(server.artifacts), "--serve-artifacts"),
    ]


def _environment() -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**mine, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=1, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)  # between two polls; the deadline bounds it
    pytest.fail(f"MLflow did not start: {log.read_text()[-2000:]}")
