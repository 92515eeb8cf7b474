"""Online endpoints: their traffic rule, keys and names."""

import copy
import re
import secrets
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import nothing
from tests.azure.double.login import Login
from tests.azure.double.ml_deployments import Deployments
from tests.azure.double.places import PROVIDER
from tests.azure.double.wire import ArmError, Handlers, Json, bad_request, body, part, said
from tests.azure.double.world import World

NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{1,30}[a-zA-Z0-9]")
PER_CLUSTER = 60


class Endpoints:
    """Endpoints of Kubernetes computes are reached at the clusters' router, managed ones at a host of their own."""

    def __init__(self, world: World, deployments: Deployments, login: Login) -> None:
        self._world, self._deployments, self._login = world, deployments, login
        self._keys: dict[str, dict[str, str]] = {}

    def routes(self) -> Mapping[str, Handlers]:
        workspace = (
            f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
        )
        base = f"{workspace}/onlineEndpoints"
        one = f"{base}/{{name}}"
        return {
            base: {"GET": self._list},
            one: {"GET": self._get, "PUT": self._put, "DELETE": self._delete},
            f"{one}/listKeys": {"POST": self._list_keys},
            f"{one}/regenerateKeys": {"POST": self._regenerate},
            f"{one}/token": {"POST": self._token},
        }

    def find(self, name: str) -> dict[str, Json] | None:
        return self._world.resources.find(self._world.ml("onlineEndpoints", name))

    def keys(self, name: str) -> dict[str, str]:
        return dict(self._keys[name])

    def renew(self, name: str) -> None:
        """Both keys, as somebody else may do at any time."""
        self._keys[name] = _new_keys()

    def admits(self, endpoint: Mapping[str, Json], token: str) -> bool:
        """Whether a scoring request with `token` is let in."""
        mode = endpoint["properties"]["authMode"].lower()
        if mode == "key":
            return token in self._keys[endpoint["name"]].values()
        audience = endpoint["id"].lower() if mode == "amltoken" else ""
        return self._login.knows(token, *([_host(audience)] if audience else [self._world.places.cloud.ml]))

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"value": self._world.resources.children(request.scope["path"])})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _put(self, request: Request) -> Response:
        name, given = part(request, "name"), await body(request)
        old = self._world.resources.find(request.scope["path"])
        refuse_busy(self._world, request.scope["path"])
        properties = said(given.get("properties"))
        if old is None:
            self._check_new(name, properties)
        self._check_traffic(name, old, properties)
        endpoint = self._endpoint(name, given, old or {})
        self._keys.setdefault(name, _new_keys())
        return self._world.arm.make(request, endpoint, nothing)

    async def _delete(self, request: Request) -> Response:
        path = request.scope["path"]
        refuse_busy(self._world, path)

        async def work() -> None:
            await self._deployments.end_under(path)
            self._keys.pop(part(request, "name"), None)

        return self._world.arm.delete(request, path, work)

    async def _list_keys(self, request: Request) -> Response:
        endpoint = self._world.resources.get(request.scope["path"].rpartition("/")[0])
        if endpoint["properties"]["authMode"].lower() != "key":
            raise bad_request("The endpoint has no keys: its authentication mode is another.")
        return JSONResponse(self._keys[endpoint["name"]])

    async def _regenerate(self, request: Request) -> Response:
        endpoint = self._world.resources.get(request.scope["path"].rpartition("/")[0])
        given = await body(request)

        async def work() -> None:
            which = "secondaryKey" if given.get("keyType", "").lower() == "secondary" else "primaryKey"
            # azure-ai-ml sends the old key as `keyValue`; were that obeyed, nobody could ever renew a key with it.
            self._keys[endpoint["name"]][which] = secrets.token_urlsafe(24)

        return self._world.arm.act(request, endpoint["id"], work)

    async def _token(self, request: Request) -> Response:
        endpoint = self._world.resources.get(request.scope["path"].rpartition("/")[0])
        token = self._login.issue(f"https://{_host(endpoint['id'].lower())}")
        now = int(time.time())
        times = {"expiryTimeUtc": now + 3600, "refreshAfterTimeUtc": now + 1800}
        return JSONResponse({"accessToken": token, "tokenType": "Bearer", **times})

    def _check_new(self, name: str, properties: Mapping[str, Json]) -> None:
        if not NAME.fullmatch(name):
            raise bad_request(
                f"The endpoint name {name!r} must have 3 to 32 letters, digits and dashes, and begin with a letter."
            )
        if compute_id := properties.get("compute"):
            compute = self._world.resources.find(compute_id)
            if compute is None or compute["properties"]["computeType"] != "Kubernetes":
                raise ArmError(400, "ComputeNotFound", "Cannot find Kubernetes compute.")
            others = self._world.resources.children(self._world.ml("onlineEndpoints"))
            if sum(one["properties"].get("compute", "").lower() == compute_id.lower() for one in others) >= PER_CLUSTER:
                raise bad_request(f"A cluster has at most {PER_CLUSTER} endpoints.", "OutOfQuota")

    def _check_traffic(self, name: str, old: Mapping[str, Json] | None, properties: Mapping[str, Json]) -> None:
        traffic = {colour: weight for colour, weight in (properties.get("traffic") or {}).items() if weight}
        known = {
            one["name"] for one in self._world.resources.children(self._world.ml("onlineEndpoints/deployments", name))
        }
        if strange := set(traffic) - known:
            raise bad_request(f"The traffic rule names deployments that do not exist: {', '.join(sorted(strange))}.")
        if any(not isinstance(weight, int) or weight < 0 for weight in traffic.values()) or sum(
            traffic.values()
        ) not in (0, 100):
            raise bad_request("The traffic rule must sum to 0 or 100.")
        is_kubernetes = bool(properties.get("compute") or (old or {}).get("properties", {}).get("compute"))
        if is_kubernetes and any((properties.get("mirrorTraffic") or {}).values()):
            raise bad_request("Mirroring is not supported for Kubernetes online endpoints.")

    def _endpoint(self, name: str, given: Mapping[str, Json], old: Mapping[str, Json]) -> dict[str, Json]:
        places = self._world.places
        base = f"https://{name.lower()}{places.inference_suffix}"
        properties = said(given.get("properties"))
        properties.pop("keys", None)
        if properties.get("compute") or old.get("properties", {}).get("compute"):
            base = f"{self._world.router}/api/v1/endpoint/{name}"
        fixed = {
            "authMode": "Key",
            "traffic": {},
            "mirrorTraffic": {},
            "properties": {},
            "publicNetworkAccess": "Enabled",
        }
        kept = {key: value for key, value in old.get("properties", {}).items() if key == "compute"}
        addresses = {"scoringUri": f"{base}/score", "swaggerUri": f"{base}/swagger.json"}
        identity = {"principalId": places.workspace_guid, "tenantId": places.tenant}
        return {
            "id": self._world.ml("onlineEndpoints", name),
            "name": name,
            "type": f"{PROVIDER}/workspaces/onlineEndpoints",
            "location": places.region,
            "kind": "K8S" if "compute" in {**kept, **properties} else "Managed",
            "tags": copy.deepcopy(given.get("tags")) or {},
            "identity": {**(given.get("identity") or {"type": "SystemAssigned"}), **identity},
            "properties": {**fixed, **kept, **properties, **addresses},
        }


def _new_keys() -> dict[str, str]:
    return {"primaryKey": secrets.token_urlsafe(24), "secondaryKey": secrets.token_urlsafe(24)}


def refuse_busy(world: World, endpoint_path: str) -> None:
    """One operation at a time on an endpoint and what is under it. Raises ArmError 409."""
    if world.arm.operations.is_busy(endpoint_path):
        raise ArmError(409, "Conflict", "There is already another operation in progress on this endpoint.")


def _host(audience: str) -> str:
    """The audience of an endpoint's own tokens, as a host."""
    return f"{audience.rpartition('/')[2]}.endpoint"
