"""Online deployments: each is a model server of its own, started before the old one ends."""

import copy
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import OperationError
from tests.azure.double.ml_computes import Computes
from tests.azure.double.places import PROVIDER
from tests.azure.double.serving import ModelServer
from tests.azure.double.wire import ArmError, Handlers, Json, bad_request, body, part, said
from tests.azure.double.world import World

if TYPE_CHECKING:
    from landbridge.runner.forks import Forks

PER_ENDPOINT = 20
REQUEST_SETTINGS = {"maxConcurrentRequestsPerInstance": 1, "maxQueueWait": "PT0.5S", "requestTimeout": "PT5S"}
LONGEST_NAMES = 62
MLFLOW_CPUS, MLFLOW_MEMORY_GIB = 2, 4
"""Below that, an MLflow model on Kubernetes fails (how-to-manage-kubernetes-instance-types)."""


class Deployments:
    """`servers` has the process of each deployment, by endpoint and name."""

    def __init__(
        self,
        world: World,
        computes: Computes,
        forks: Callable[[bool], Awaitable["Forks"]],
        environment: Mapping[str, str],
    ) -> None:
        self._world, self._computes, self._forks, self._environment = world, computes, forks, environment
        self.servers: dict[tuple[str, str], ModelServer] = {}
        self.limit_seconds = 20 * 60.0

    def routes(self) -> Mapping[str, Handlers]:
        workspace = (
            f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
        )
        base = f"{workspace}/onlineEndpoints/{{endpoint}}/deployments"
        one = f"{base}/{{name}}"
        return {
            base: {"GET": self._list},
            one: {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete},
            f"{one}/getLogs": {"POST": self._logs},
        }

    async def end_under(self, endpoint_path: str) -> None:
        endpoint = endpoint_path.rstrip("/").rpartition("/")[2]
        for key in [key for key in self.servers if key[0] == endpoint]:
            await self.servers.pop(key).stop()

    async def stop(self) -> None:
        for server in self.servers.values():
            await server.stop()

    async def _list(self, request: Request) -> Response:
        self._endpoint(request)
        return JSONResponse({"value": self._world.resources.children(request.scope["path"])})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _put(self, request: Request) -> Response:
        endpoint, name, given = self._endpoint(request), part(request, "name"), await body(request)
        self._refuse(endpoint, name, given)
        self._refuse_change(request.scope["path"], given)
        deployment = self._deployment(endpoint, name, given)
        return self._world.arm.make(request, deployment, lambda: self._serve(endpoint, deployment))

    async def _patch(self, request: Request) -> Response:
        """Tags and the number of instances; what runs goes on."""
        endpoint, given = self._endpoint(request), await body(request)
        deployment = self._world.resources.get(request.scope["path"])
        if self._world.arm.operations.is_busy(endpoint["id"]):
            raise ArmError(409, "Conflict", "There is already another operation in progress on this endpoint.")
        state = deployment["properties"]["provisioningState"]
        deployment["properties"]["provisioningState"] = "Updating"

        async def work() -> None:
            deployment["tags"] = {**(deployment.get("tags") or {}), **(given.get("tags") or {})}
            deployment["sku"] |= given.get("sku") or {}
            deployment["properties"]["provisioningState"] = state

        return self._world.arm.act(request, deployment["id"], work)

    async def _delete(self, request: Request) -> Response:
        endpoint, name = self._endpoint(request), part(request, "name")
        if self._world.arm.operations.is_busy(endpoint["id"]):
            raise ArmError(409, "Conflict", "There is already another operation in progress on this endpoint.")
        if endpoint["properties"]["traffic"].get(name):
            raise bad_request(f"The deployment {name} has live traffic; set it to 0 first.", "BadArgument")

        async def work() -> None:
            if server := self.servers.pop((endpoint["name"], name), None):
                await server.stop()
            endpoint["properties"]["traffic"].pop(name, None)

        return self._world.arm.delete(request, request.scope["path"], work)

    async def _logs(self, request: Request) -> Response:
        given = await body(request)
        server = self.servers.get((part(request, "endpoint"), part(request, "name")))
        self._world.resources.get(request.scope["path"].rpartition("/")[0])
        is_init = given.get("containerType") == "StorageInitializer"
        text = "" if server is None or is_init else server.text()
        return JSONResponse({"content": "\n".join(text.splitlines()[-int(given.get("tail") or 1000) :])})

    def _endpoint(self, request: Request) -> dict[str, Json]:
        path = self._world.ml("onlineEndpoints", part(request, "endpoint"))
        endpoint = self._world.resources.find(path)
        if endpoint is None:
            raise ArmError(404, "ParentResourceNotFound", f"The endpoint {part(request, 'endpoint')} was not found.")
        return endpoint

    def _refuse(self, endpoint: Mapping[str, Json], name: str, given: Mapping[str, Json]) -> None:
        properties = given.get("properties", {})
        others = self._world.resources.children(f"{endpoint['id']}/deployments")
        if self._world.arm.operations.is_busy(endpoint["id"]):
            raise ArmError(409, "Conflict", "There is already another operation in progress on this endpoint.")
        if name not in {one["name"] for one in others} and len(others) >= PER_ENDPOINT:
            raise bad_request(f"An endpoint has at most {PER_ENDPOINT} deployments.", "OutOfQuota")
        kind = "Kubernetes" if endpoint["properties"].get("compute") else "Managed"
        if properties.get("endpointComputeType") != kind:
            raise bad_request(f"The endpoint is {kind}, the deployment is {properties.get('endpointComputeType')}.")
        if kind == "Kubernetes" and len(endpoint["name"]) + len(name) > LONGEST_NAMES:
            raise bad_request(f"Endpoint and deployment name together have at most {LONGEST_NAMES} characters.")
        for key in ("model", "environmentId"):
            asset = str(properties.get(key) or "")
            if asset.startswith("/") and self._world.resources.find(asset) is None:
                raise ArmError(404, "ResourceNotFound", f"The {key} {asset} was not found.")
            if kind == "Kubernetes" and asset.startswith("azureml://registries/") and key == "model":
                raise bad_request("Models of a registry are not supported on Kubernetes online endpoints.")

    def _refuse_change(self, path: str, given: Mapping[str, Json]) -> None:
        """The document marks the instance type as given at creation only."""
        old, wanted = self._world.resources.find(path), given.get("properties", {}).get("instanceType")
        if old is not None and wanted and wanted != old["properties"].get("instanceType"):
            raise bad_request("The instance type of a deployment cannot be changed.", "BadArgument")

    async def _serve(self, endpoint: Mapping[str, Json], deployment: dict[str, Json]) -> None:
        self._check_cluster(endpoint, deployment)
        forks = await self._forks(not deployment["properties"].get("codeConfiguration"))
        server = ModelServer(self._world, deployment, forks, self._environment, self.limit_seconds)
        key = (endpoint["name"], deployment["name"])
        old = self.servers.get(key)
        try:
            await server.start()
        except BaseException:
            if old is None:
                self.servers[key] = server  # its log can be read
            else:
                await server.stop()
            raise
        self.servers[key] = server
        if old is not None:
            await old.stop()

    def _check_cluster(self, endpoint: Mapping[str, Json], deployment: Mapping[str, Json]) -> None:
        properties = deployment["properties"]
        if not endpoint["properties"].get("compute"):
            return
        compute = self._world.resources.find(endpoint["properties"]["compute"])
        if compute is None:
            raise OperationError("ComputeNotFound", "Cannot find Kubernetes compute.")
        if refusal := self._computes.refusal(compute, "inference"):
            raise OperationError(*refusal)
        limits = properties["containerResourceRequirements"]["containerResourceLimits"]
        is_mlflow = not properties.get("codeConfiguration")
        if is_mlflow and (_cpus(limits["cpu"]) < MLFLOW_CPUS or _gib(limits["memory"]) < MLFLOW_MEMORY_GIB):
            needed = f"{MLFLOW_CPUS} CPU cores and {MLFLOW_MEMORY_GIB} GB"
            raise OperationError("ResourceNotReady", f"An MLflow model needs {needed}; the instance has {limits}.")

    def _deployment(self, endpoint: Mapping[str, Json], name: str, given: Mapping[str, Json]) -> dict[str, Json]:
        properties = said(copy.deepcopy(given.get("properties")))
        settings = {**REQUEST_SETTINGS, **(properties.get("requestSettings") or {})}
        fixed: dict[str, Json] = {"appInsightsEnabled": False, "environmentVariables": {}, "properties": {}}
        fixed["egressPublicNetworkAccess"] = "Enabled"
        fixed["scaleSettings"] = {"scaleType": "Default"}
        if properties["endpointComputeType"] == "Kubernetes":
            fixed["containerResourceRequirements"] = self._resources(endpoint, properties)
            properties.pop("containerResourceRequirements", None)
        return {
            "id": f"{endpoint['id']}/deployments/{name}",
            "name": name,
            "type": f"{PROVIDER}/workspaces/onlineEndpoints/deployments",
            "location": self._world.places.region,
            "kind": endpoint["kind"],
            "tags": given.get("tags") or {},
            "sku": given.get("sku") or {"name": "Default", "capacity": 1},
            "properties": {**fixed, **properties, "requestSettings": settings},
        }

    def _resources(self, endpoint: Mapping[str, Json], properties: dict[str, Json]) -> dict[str, Json]:
        """What was asked, or else what the instance type has. Raises ArmError for a type that the cluster has not."""
        compute = self._world.resources.get(endpoint["properties"]["compute"])
        types = self._computes.instance_types(compute)
        wanted = properties.setdefault("instanceType", "defaultinstancetype")
        if wanted not in types:
            raise bad_request(f"The instance type {wanted} is not found in the cluster.", "BadArgument")
        asked = properties.get("containerResourceRequirements") or {}
        of_type = types[wanted]["resources"]
        return {
            f"containerResource{kind}": {**of_type[kind.lower()], **said(asked.get(f"containerResource{kind}"))}
            for kind in ("Requests", "Limits")
        }


def _cpus(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def _gib(quantity: str) -> float:
    for suffix, factor in (("Gi", 1), ("Mi", 1 / 1024), ("Ki", 1 / 1024**2), ("G", 0.931), ("M", 0.000931)):
        if quantity.endswith(suffix):
            return float(quantity.removesuffix(suffix)) * factor
    return float(quantity) / 1024**3
