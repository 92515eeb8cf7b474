"""Compute targets of the workspace: attached clusters, Azure-managed clusters."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import OperationError, last, nothing, now
from tests.azure.double.clusters import AKS, ARC, Clusters
from tests.azure.double.places import PROVIDER
from tests.azure.double.wire import Handlers, Json, bad_request, body, part, said
from tests.azure.double.world import World


class Computes:
    """`full` names computes that have no room: their jobs stay queued."""

    def __init__(self, world: World, clusters: Clusters) -> None:
        self._world, self._clusters = world, clusters
        self.full: set[str] = set()

    def routes(self) -> Mapping[str, Handlers]:
        base = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}/computes"
        one = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
        return {base: {"GET": self._list}, f"{base}/{{name}}": one}

    def attach(self, name: str, cluster_id: str, namespace: str = "default") -> dict[str, Json]:
        """A cluster that is attached already."""
        given = {"computeType": "Kubernetes", "resourceId": cluster_id, "properties": {"namespace": namespace}}
        compute = self._kubernetes(name, given)
        compute["properties"]["provisioningState"] = "Succeeded"
        return self._world.resources.put(compute)

    def add_managed(self, name: str, size: str, nodes: int = 4) -> dict[str, Json]:
        """An AmlCompute that is there already."""
        scale = {"minNodeCount": 0, "maxNodeCount": nodes, "nodeIdleTimeBeforeScaleDown": "PT2M"}
        given = {"computeType": "AmlCompute", "properties": {"vmSize": size, "scaleSettings": scale}}
        compute = self._managed(name, given)
        compute["properties"]["provisioningState"] = "Succeeded"
        return self._world.resources.put(compute)

    def refusal(self, compute: dict[str, Json], feature: str) -> tuple[str, str] | None:
        """Why the cluster behind `compute` takes no workload of `feature` (training, inference): code and message."""
        properties = compute["properties"]
        if properties["computeType"] != "Kubernetes":
            return None
        cluster_id = properties["resourceId"]
        if self._world.resources.find(cluster_id) is None:
            return "ClusterNotFound", "Cannot found Kubernetes cluster."
        inside = self._clusters.of(cluster_id)
        settings = self._clusters.ml_settings(cluster_id)
        if not inside.is_reachable:
            return "ClusterNotReachable", "The Kubernetes cluster is not reachable."
        if settings is None:
            return "ClusterServiceNotFound", "AzureML extension service not found in cluster."
        if settings.get(f"enable{feature.title()}") != "true":
            title = feature.title()
            return "E45004", f"{title} feature is not enabled, please enable it when install the extension."
        namespace = properties["properties"]["namespace"]
        if namespace not in inside.namespaces:
            return "NamespaceNotFound", f"The namespace {namespace} is not found in the cluster."
        return None

    def instance_types(self, compute: dict[str, Json]) -> dict[str, Json]:
        """Of an attached cluster; {} for others."""
        properties = compute["properties"]
        return (
            self._clusters.of(properties["resourceId"]).instance_types
            if properties["computeType"] == "Kubernetes"
            else {}
        )

    async def _list(self, request: Request) -> Response:
        return JSONResponse(
            {"value": [self._fresh(one) for one in self._world.resources.children(request.scope["path"])]}
        )

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._fresh(self._world.resources.get(request.scope["path"])))

    async def _put(self, request: Request) -> Response:
        name, given = part(request, "name"), await body(request)
        properties = given.get("properties", {})
        old = self._world.resources.find(request.scope["path"])
        if old is not None and old["properties"]["computeType"] != properties.get("computeType"):
            raise bad_request(f"The compute {name} exists, and is a {old['properties']['computeType']}.")
        if properties.get("computeType") == "Kubernetes":
            if old is not None:  # Azure takes the order and changes nothing: a new namespace needs a detach
                properties = old["properties"]
            compute = self._kubernetes(name, properties, given)
            cluster_id = str(properties["resourceId"])
            return self._world.arm.make(request, compute, lambda: self._check_attach(cluster_id))
        if properties.get("computeType") == "AmlCompute":
            return self._world.arm.make(request, self._managed(name, properties, given), nothing)
        raise bad_request(f"The double plays Kubernetes and AmlCompute, not {properties.get('computeType')!r}.")

    async def _patch(self, request: Request) -> Response:
        compute, given = self._world.resources.get(request.scope["path"]), await body(request)
        scale = given.get("properties", {}).get("properties", {}).get("scaleSettings")
        if scale:
            compute["properties"]["properties"]["scaleSettings"] = scale
        return self._world.arm.make(request, compute, nothing)

    async def _delete(self, request: Request) -> Response:
        compute = self._world.resources.get(request.scope["path"])
        action = request.query_params.get("underlyingResourceAction", "")
        if compute["properties"]["computeType"] == "Kubernetes" and action != "Detach":
            raise bad_request("An attached Kubernetes compute can only be detached.", "BadRequest")
        return self._world.arm.delete(request, compute["id"], nothing)

    async def _check_attach(self, cluster_id: str) -> None:
        if self._world.resources.find(cluster_id) is None:
            raise OperationError("ComputeNotFound", "Cannot find Kubernetes compute.")
        if self._clusters.ml_settings(cluster_id) is None:
            raise OperationError("ExtensionNotInstalled", "The AzureML extension is not installed on the cluster.")

    def _fresh(self, compute: dict[str, Json]) -> dict[str, Json]:
        """Instance types are read from the cluster whenever the compute is."""
        if types := self.instance_types(compute):
            compute["properties"]["properties"]["instanceTypes"] = types
        return compute

    def _kubernetes(
        self, name: str, properties: dict[str, Json], given: dict[str, Json] | None = None
    ) -> dict[str, Json]:
        cluster_id = str(properties.get("resourceId") or "")
        inner = said(properties.get("properties"))
        if not any(f"/providers/{kind}/".lower() in cluster_id.lower() for kind in (AKS, ARC)):
            raise bad_request(f"{cluster_id!r} is neither an AKS nor an Arc cluster.", "InvalidResourceId")
        subscription = self._world.places.subscription
        if AKS.lower() in cluster_id.lower() and f"/subscriptions/{subscription}/".lower() not in cluster_id.lower():
            raise bad_request("Attaching an AKS cluster of another subscription is not supported.", "BadRequest")
        inner = {"namespace": "default", "defaultInstanceType": "defaultinstancetype", **inner}
        return self._compute(name, {**properties, "properties": inner, "isAttachedCompute": True}, given)

    def _managed(self, name: str, properties: dict[str, Json], given: dict[str, Json] | None = None) -> dict[str, Json]:
        inner = said(properties.get("properties"))
        counted = {"allocationState": "Steady", "currentNodeCount": 0, "targetNodeCount": 0}
        fixed = {"vmPriority": "Dedicated", "osType": "Linux", "isolatedNetwork": False, **counted}
        return self._compute(name, {**properties, "properties": {**fixed, **inner}, "isAttachedCompute": False}, given)

    def _compute(self, name: str, properties: dict[str, Json], given: dict[str, Json] | None) -> dict[str, Json]:
        places, given = self._world.places, given or {}
        kept = said(properties)
        times = {"createdOn": now(), "modifiedOn": now()}
        made: dict[str, Json] = {
            "id": self._world.ml("computes", name),
            "name": last(name),
            "type": f"{PROVIDER}/workspaces/computes",
            "location": places.region,
            "tags": given.get("tags") or {},
            "properties": {
                **times,
                "computeLocation": places.region,
                "disableLocalAuth": False,
                "provisioningErrors": None,
                **kept,
            },
        }
        if identity := given.get("identity"):
            made["identity"] = {**identity, "principalId": places.workspace_guid, "tenantId": places.tenant}
        return made
