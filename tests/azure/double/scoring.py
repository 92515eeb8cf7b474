"""Where predictions are asked: the router of the clusters and the hosts of managed endpoints. Weights really route."""

import itertools
from collections.abc import Mapping

import httpx
from starlette.requests import Request
from starlette.responses import Response

from tests.azure.double.ml_batch import Batch
from tests.azure.double.ml_deployments import Deployments
from tests.azure.double.ml_endpoints import Endpoints
from tests.azure.double.wire import Json, NoRouteError
from tests.azure.double.world import World

HEADER = "azureml-model-deployment"
STRIDE = 37
"""Prime to 100: any 100 requests in a row meet each percent once, and a colour's share is spread over them."""
_KEPT = {"content-type", "accept", "x-ms-client-request-id", "x-request-id"}


class Scoring:
    """Chooses a deployment and forwards the request to its model server."""

    def __init__(self, world: World, endpoints: Endpoints, deployments: Deployments, batch: Batch) -> None:
        self._world, self._endpoints, self._deployments, self._batch = world, endpoints, deployments, batch
        self._counts: dict[str, itertools.count[int]] = {}

    async def __call__(self, request: Request) -> Response:
        """Of managed endpoints: the host names the endpoint."""
        path = request.scope["path"]
        if path == "/jobs":
            return await self._batch.invoke(request)
        if path != "/score":
            raise NoRouteError(f"{request.method} {request.url}")
        return await self.score(request, request.headers["host"].partition(".")[0])

    async def router(self, request: Request) -> Response:
        """Of Kubernetes endpoints: the path names the endpoint."""
        parts = request.scope["path"].strip("/").split("/")
        if (
            len(parts) != 5
            or parts[:2] != ["api", "v1"]
            or parts[2] not in {"endpoint", "service"}
            or parts[4] != "score"
        ):
            raise NoRouteError(f"{request.method} {request.url}")
        return await self.score(request, parts[3])

    async def score(self, request: Request, name: str) -> Response:
        endpoint = self._endpoints.find(name)
        if endpoint is None:
            return Response("The endpoint is not found.", 404)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not self._endpoints.admits(endpoint, token):
            return Response("Authentication failed: the key or the token is wrong.", 401)
        colour = request.headers.get(HEADER) or self._choose(endpoint)
        server = self._deployments.servers.get((endpoint["name"], colour))
        deployment = self._world.resources.find(f"{endpoint['id']}/deployments/{colour}")
        if (
            server is None
            or deployment is None
            or deployment["properties"]["provisioningState"] not in {"Succeeded", "Updating"}
        ):
            return Response(f"Specified deployment could not be found: {colour or 'no deployment has traffic'}.", 404)
        return await self._forward(request, server.client)

    def _choose(self, endpoint: Mapping[str, Json]) -> str:
        count = self._counts.setdefault(endpoint["name"], itertools.count())
        mark = next(count) * STRIDE % 100
        for colour, weight in endpoint["properties"]["traffic"].items():
            if mark < weight:
                return str(colour)
            mark -= weight
        return ""

    async def _forward(self, request: Request, client: httpx.AsyncClient) -> Response:
        headers = {name: value for name, value in request.headers.items() if name in _KEPT}
        try:
            answer = await client.request(
                request.method, "http://model/score", content=await request.body(), headers=headers
            )
        except httpx.TransportError as error:
            return Response(f"The model did not answer: {type(error).__name__}.", 502)
        told = {
            name: answer.headers[name] for name in ("content-type", HEADER, "x-ms-request-id") if name in answer.headers
        }
        return Response(answer.content, answer.status_code, told)
