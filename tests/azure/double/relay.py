"""Azure Relay, through which an Arc cluster is reached: namespaces, hybrid connections, their rules and keys.

No document of Azure's is here for it: shapes are from its public reference.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import last
from tests.azure.double.wire import Handlers, body
from tests.azure.double.world import World

NAMESPACES = "Microsoft.Relay/namespaces"


class Relay:
    """A namespace is ready when it has been looked at once: Azure names no operation, its state tells."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Mapping[str, Handlers]:
        namespace = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{NAMESPACES}/{{namespace}}"
        connection = f"{namespace}/hybridConnections/{{connection}}"
        rule = f"{connection}/authorizationRules/{{rule}}"
        return {
            namespace: {"GET": self._namespace, "PUT": self._put_namespace},
            connection: {"GET": self._get, "PUT": self._put},
            rule: {"GET": self._get, "PUT": self._put},
            f"{rule}/listKeys": {"POST": self._keys},
        }

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _namespace(self, request: Request) -> Response:
        found = self._world.resources.get(request.scope["path"])
        answer = JSONResponse(found)
        found["properties"]["provisioningState"] = "Succeeded"
        return answer

    async def _put_namespace(self, request: Request) -> Response:
        return await self._keep(request, {"provisioningState": "Created"}, 201)

    async def _put(self, request: Request) -> Response:
        self._world.resources.get(request.scope["path"].rpartition("/")[0].rpartition("/")[0])
        return await self._keep(request, {}, 200)

    async def _keep(self, request: Request, more: dict[str, str], status: int) -> Response:
        path, given = request.scope["path"], await body(request)
        made = {"id": path, "name": last(path), "type": NAMESPACES, "location": given.get("location", "")}
        made |= {"properties": {**(given.get("properties") or {}), **more}}
        return JSONResponse(self._world.resources.put(made), status)

    async def _keys(self, request: Request) -> Response:
        rule = request.scope["path"].rpartition("/")[0]
        self._world.resources.get(rule)
        name = rule.split("/")[8]
        text = f"Endpoint=sb://{name}.servicebus.windows.net/;SharedAccessKeyName={last(rule)};SharedAccessKey=relay-secret"
        return JSONResponse({"primaryConnectionString": text, "primaryKey": "relay-secret", "keyName": last(rule)})
