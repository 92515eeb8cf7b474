"""The processes of one job: one, or one for each rank of a distributed job. They start together and end together."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.azure.double.wire import Json

LOOK_SECONDS = 0.05
"""How often the job is looked at while it runs: its logs go to the blob store as often."""
GRACE_SECONDS = 1.0
"""Between the request to end and the kill, s; on a cluster 30 s are usual, which no test shall wait for."""


@dataclass(frozen=True, slots=True)
class Rank:
    """One process: the name of its log, and what tells it who it is."""

    log: str
    environment: Mapping[str, str]


def ranks(properties: Mapping[str, Json]) -> list[Rank]:
    """Of a job's `distribution`; all on this machine. Without one, the command runs once."""
    distribution = properties.get("distribution") or {}
    nodes = int((properties.get("resources") or {}).get("instanceCount") or 1)
    kind = distribution.get("distributionType", "").lower()
    if kind == "tensorflow":
        servers = int(distribution.get("parameterServerCount") or 0)
        return _tensorflow(int(distribution.get("workerCount") or nodes), servers)
    if kind not in {"pytorch", "mpi"}:
        return [Rank("std_log", {})]
    each = int(distribution.get("processCountPerInstance") or 1)
    port, names = str(_free_port()), _NAMES[kind]
    found = []
    for rank in range(nodes * each):
        values = (rank, rank % each, rank // each, nodes * each, each)
        own = {name: str(value) for name, value in zip(names, values, strict=True)}
        found.append(Rank(f"std_log_process_{rank}", {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **own}))
    return found


_NAMES = {
    "pytorch": ("RANK", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
    "mpi": (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_NODE_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
}


def _tensorflow(workers: int, servers: int) -> list[Rank]:
    tasks = [("worker", index) for index in range(workers)] + [("ps", index) for index in range(servers)]
    cluster: dict[str, list[str]] = {}
    for role, _ in tasks:
        cluster.setdefault(role, []).append(f"127.0.0.1:{_free_port()}")
    configs = [json.dumps({"cluster": cluster, "task": {"type": role, "index": index}}) for role, index in tasks]
    return [
        Rank(f"std_log_{role}_{index}", {"TF_CONFIG": one}) for (role, index), one in zip(tasks, configs, strict=True)
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@dataclass(slots=True)
class Processes:
    """`folder` gets a log for each rank; `look` is called again and again while they run."""

    folder: Path
    look: Callable[[], None]
    _all: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def run(self, command: str, properties: Mapping[str, Json], environment: Mapping[str, str]) -> None:
        """Start them all, in a working directory with the folders that Azure ML makes there."""
        for name in ("outputs", "logs"):
            (self.folder / "code" / name).mkdir(exist_ok=True)
        for rank in ranks(properties):
            with (self.folder / f"{rank.log}.txt").open("wb") as stream:
                process = await asyncio.create_subprocess_exec(
                    *("/bin/sh", "-c", command),
                    cwd=self.folder / "code",
                    stdout=stream,
                    stderr=stream,
                    stdin=asyncio.subprocess.DEVNULL,
                    env={**environment, **rank.environment},
                    start_new_session=True,
                )
            self._all.append(process)

    async def wait(self, limit_seconds: float, cancelled: asyncio.Event) -> int:
        """The exit code: 0, or that of the first that failed. Past the limit (0 = none), the job is `cancelled`."""
        codes = {asyncio.ensure_future(process.wait()) for process in self._all}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_seconds if limit_seconds else float("inf")
        left = codes
        while left and not cancelled.is_set() and not any(one.done() and one.result() for one in codes):
            if loop.time() > deadline:
                cancelled.set()
            _, left = await asyncio.wait(left, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            self.look()
        failed = next((one.result() for one in codes if one.done() and one.result()), 0)
        if left:
            self._kill(signal.SIGTERM)
            await asyncio.wait(left, timeout=GRACE_SECONDS)
        self._kill(signal.SIGKILL)
        await asyncio.gather(*codes)
        self.look()
        return int(failed)

    def _kill(self, number: signal.Signals) -> None:
        for process in self._all:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
