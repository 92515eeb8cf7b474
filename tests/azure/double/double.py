"""The double: one Azure subscription on loopback, which unmodified Azure SDKs reach through environment variables alone."""

import asyncio
import contextlib
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.allowed import is_allowed
from tests.azure.double.api import Api
from tests.azure.double.app import App
from tests.azure.double.blob import BlobService
from tests.azure.double.blob_access import Access
from tests.azure.double.clusters import Clusters
from tests.azure.double.faults import FaultPlan
from tests.azure.double.front import Front
from tests.azure.double.ground import Ground
from tests.azure.double.login import Login
from tests.azure.double.ml_assets import Assets
from tests.azure.double.ml_batch import Batch
from tests.azure.double.ml_computes import Computes
from tests.azure.double.ml_deployments import Deployments
from tests.azure.double.ml_endpoints import Endpoints
from tests.azure.double.ml_jobs import Jobs
from tests.azure.double.ml_workspace import Workspace
from tests.azure.double.neighbours import Neighbours
from tests.azure.double.places import PROVIDER, Places
from tests.azure.double.record import Recorder
from tests.azure.double.regions import Regions
from tests.azure.double.relay import Relay
from tests.azure.double.scoring import Scoring
from tests.azure.double.seeds import Seeds
from tests.azure.double.specs import Finding, check
from tests.azure.double.wire import Handlers, Routes
from tests.azure.double.world import World

NO_PROXY = "127.0.0.1,localhost"


class Double:
    """Build it with `running`. What tests use: `environment`, `places`, `seeds`, `faults`, `record`, `login`, `jobs`, `full`."""

    def __init__(self, ground: Ground, places: Places, mlflow_url: str) -> None:
        self._ground = ground
        self._root = Path(tempfile.mkdtemp(prefix="az-", dir=ground.folder))
        self.world = World(places, self._root, mlflow_url)
        self.places = places
        self._tls = self._root / "tls.sock"
        self.front = Front(lambda host: places.service(host) not in ("", "router"), self._tls)
        self.login = Login(places)
        self.network: dict[str, str] = {}
        self._expected: list[str] = []
        self._build()

    def _build(self) -> None:
        world = self.world
        self.clusters = Clusters(world)
        self.computes = Computes(world, self.clusters)
        assets = Assets(world)
        self.jobs = Jobs(world, assets, self.computes, self.login, self.network)
        self.deployments = Deployments(world, self.computes, self._ground.forks, self.network)
        self.endpoints = endpoints = Endpoints(world, self.deployments, self.login)
        self.batch = batch = Batch(world, self.jobs, self.login)
        scoring = Scoring(world, endpoints, self.deployments, batch)
        self.regions = Regions(world)
        ours = (self.computes, self.jobs, endpoints, self.deployments, batch, self.clusters)
        parts = (self.regions, Relay(world), Workspace(world), neighbours := Neighbours(world), assets, *ours)
        table: dict[str, Handlers] = {}
        for one in parts:
            table |= one.routes()
        self._arm = Routes(table | self._own_routes())
        self._api = Api(world, self.login, self.jobs, batch.data_routes())
        access = Access(self.places.account, world.account_key, self.login.knows)
        blob = BlobService(world.blobs, self.places.account, access)
        services = {
            "management": self._management,
            "login": self.login,
            "api": self._api,
            "blob": blob,
            "scoring": scoring,
            "router": scoring.router,
        }
        self._app = App(self.places, services, self.faults, self.record)
        self.seeds = Seeds(world, self.clusters, self.computes, neighbours)

    @property
    def faults(self) -> FaultPlan:
        return self.world.faults

    @property
    def record(self) -> Recorder:
        return self.world.recorder

    @property
    def full(self) -> set[str]:
        """Names of computes that have no room: their jobs stay queued."""
        return self.computes.full

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to take the double for Azure, and nothing else for the network."""
        return {
            **self.network,
            "AZURE_TENANT_ID": self.places.tenant,
            "AZURE_CLIENT_ID": self.places.client,
            "AZURE_CLIENT_SECRET": self.login.secret,
            "AZUREML_RUN_POLLING_INTERVAL_MIN": "1",  # s; read when azure.ai.ml is imported
        }

    def problems(self) -> list[str]:
        """What must fail a test: a way out, an address that is not played, an own error, a fault that nothing met, a finding."""
        return [
            *(f"refused, not Azure: {one}" for one in self.front.refused),
            *(f"not played: {one}" for one in self.record.unanswered),
            *(f"the double failed: {one}" for one in self.record.failures + self.world.arm.operations.failures),
            *(f"a fault was never met: {one}" for one in self.faults.unmet()),
            *dict.fromkeys(f"not as Azure specifies: {one}" for one in self.findings() if not is_allowed(one)),
        ]

    def expect(self, pattern: str) -> None:
        """A problem that the test provokes: one that the pattern is found in must be there at the end, and fails nothing."""
        self._expected.append(pattern)

    def verify(self) -> None:
        """Raises AssertionError with every problem that is not expected, and every expectation that nothing met."""
        problems = self.problems()
        missed = [one for one in self._expected if not any(re.search(one, problem) for problem in problems)]
        left = [one for one in problems if not any(re.search(expected, one) for expected in self._expected)]
        assert not left + missed, "\n".join([*left, *(f"expected, but it did not happen: {one}" for one in missed)])

    def findings(self) -> list[Finding]:
        """Everything of the record that Azure's specifications do not have, allowed or not."""
        return [finding for exchange in self.record.exchanges for finding in check(exchange)]

    def start(self) -> None:
        self._ground.call(self._start())

    def stop(self) -> None:
        self._ground.call(self._stop())

    async def _start(self) -> None:
        chain, key = self._ground.authority.issue(self.places.certified, self._root)
        inside = socket.socket(socket.AF_UNIX)
        inside.bind(str(self._tls))
        # Named as TCP: asyncio sets TCP_NODELAY on no other socket, and without it each answer takes 40 ms.
        router = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        router.bind(("127.0.0.1", 0))
        self.world.router = f"http://127.0.0.1:{router.getsockname()[1]}"
        self._servers = [
            (_server(self._app, ssl_certfile=str(chain), ssl_keyfile=str(key)), inside),
            (_server(self._app), router),
        ]
        self._tasks = [asyncio.create_task(one.serve(sockets=[listens])) for one, listens in self._servers]
        while not all(one.started for one, _ in self._servers):
            await asyncio.sleep(0.005)
        proxy = f"http://127.0.0.1:{await self.front.start()}"
        authority = str(self._ground.authority.pem)
        self.network.update(
            HTTPS_PROXY=proxy,
            HTTP_PROXY=proxy,
            NO_PROXY=NO_PROXY,
            REQUESTS_CA_BUNDLE=authority,
            SSL_CERT_FILE=authority,
            MLFLOW_DISABLE_TELEMETRY="true",
        )

    async def _stop(self) -> None:
        self._app.stopping.set()
        await self.world.arm.operations.stop()  # they start servers
        await asyncio.gather(self.jobs.stop(), self.deployments.stop())
        await self.front.stop()
        await asyncio.gather(
            *(_end(server, task) for (server, _), task in zip(self._servers, self._tasks, strict=True))
        )
        await self._api.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def _own_routes(self) -> Mapping[str, Handlers]:
        operations = self.world.arm.operations
        base = f"/subscriptions/{{subscription}}/providers/{PROVIDER}/locations/{{location}}"
        return {
            f"{base}/operations/{{operation}}": {"GET": operations.status},
            f"{base}/operationresults/{{operation}}": {"GET": operations.result},
            "/metadata/endpoints": {"GET": self._clouds},
        }

    async def _management(self, request: Request) -> Response:
        if request.scope["path"] != "/metadata/endpoints":
            hosts = (
                self.places.cloud.management,
                self.places.cloud.management.replace("management.", "management.core."),
            )
            self.login.check(request, *hosts, "management.core.windows.net")
        return await self._arm(request)

    async def _clouds(self, request: Request) -> Response:
        cloud = self.places.cloud
        one = {
            "name": cloud.name,
            "portal": f"https://{cloud.portal}/",
            "resourceManager": f"https://{cloud.management}/",
            "authentication": {
                "loginEndpoint": f"https://{cloud.login[0]}/",
                "audiences": [f"https://{cloud.management}/"],
            },
            "suffixes": {"storage": cloud.storage},
        }
        return JSONResponse([one])


def _server(app: App, **tls: str) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
        **tls,  # type: ignore[arg-type]
    )
    return uvicorn.Server(config)


async def _end(server: uvicorn.Server, task: "asyncio.Task[None]") -> None:
    """At once: uvicorn's own way waits for ticks, and every test would pay 0.2 s."""
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    task.cancel()
    await asyncio.gather(task, *server.server_state.tasks, return_exceptions=True)


@contextlib.contextmanager
def running(ground: Ground, places: Places | None = None, mlflow_url: str = "") -> Iterator[Double]:
    """A double that answers. Its problems are the caller's to ask for: `problems` and the validator's."""
    double = Double(ground, places or Places(), mlflow_url)
    double.start()
    try:
        yield double
    finally:
        double.stop()
