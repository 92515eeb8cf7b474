"""AKS and Arc-connected clusters, the extension on them, and what only the cluster itself knows."""

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import OperationError, last, nothing, now
from tests.azure.double.wire import ArmError, Handlers, Json, bad_request, body, said
from tests.azure.double.world import World

AKS, ARC = "Microsoft.ContainerService/managedClusters", "Microsoft.Kubernetes/connectedClusters"
_CREATING = {AKS: "Creating", ARC: "Provisioning"}
EXTENSIONS = "Microsoft.KubernetesConfiguration/extensions"
ML_EXTENSION = "microsoft.azureml.kubernetes"
DEFAULT_TYPE = {
    "resources": {"requests": {"cpu": "100m", "memory": "2Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
}
KUBERNETES_VERSIONS = ("1.34", "1.33", "1.32")
"""Newest first: those that AKS offers in the region."""


@dataclass(slots=True)
class Inside:
    """What ARM does not tell of a cluster: a test sets it, and jobs, deployments and the extension run into it."""

    namespaces: set[str] = field(default_factory=lambda: {"default", "kube-system", "azureml"})
    instance_types: dict[str, Json] = field(
        default_factory=lambda: {"defaultinstancetype": copy.deepcopy(DEFAULT_TYPE)}
    )
    nodes: int = 3
    has_load_balancer: bool = True
    is_reachable: bool = True
    kubeconfig: str = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n"


class Clusters:
    """All clusters of the subscription; `inside` is by identifier, lower case."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.inside: dict[str, Inside] = {}

    def routes(self) -> Mapping[str, Handlers]:
        subscription = "/subscriptions/{subscription}"
        group = f"{subscription}/resourceGroups/{{group}}"
        table: dict[str, Handlers] = {}
        for kind in (AKS, ARC):
            one = f"{group}/providers/{kind}/{{cluster}}"
            table[f"{subscription}/providers/{kind}"] = {"GET": self._list}
            table[f"{group}/providers/{kind}"] = {"GET": self._list}
            table[one] = {"GET": self._get, "PUT": self._put, "DELETE": self._delete}
            table[f"{one}/listClusterUserCredential"] = {"POST": self._credential}
            table[f"{one}/agentPools"] = {"GET": self._pools}
            table[f"{one}/providers/{EXTENSIONS}"] = {"GET": self._extensions}
            table[f"{one}/providers/{EXTENSIONS}/{{name}}"] = {
                "GET": self._get,
                "PUT": self._put_extension,
                "PATCH": self._patch_extension,
                "DELETE": self._delete,
            }
        versions = f"{subscription}/providers/Microsoft.ContainerService/locations/{{location}}/kubernetesVersions"
        table[versions] = {"GET": self._versions}
        return table

    def of(self, cluster_id: str) -> Inside:
        return self.inside.setdefault(cluster_id.lower(), Inside())

    def ml_settings(self, cluster_id: str) -> dict[str, str] | None:
        """Settings of the Azure ML extension, or None where it is not installed. Values of flags are in lower case."""
        found = self._world.resources.children(f"{cluster_id}/providers/{EXTENSIONS}")
        for extension in (one["properties"] for one in found):
            if extension["extensionType"].lower() == ML_EXTENSION and extension["provisioningState"] == "Succeeded":
                settings = extension.get("configurationSettings") or {}
                return {key: value.lower() for key, value in settings.items()}
        return None

    def make(self, kind: str, name: str, properties: dict[str, Json]) -> dict[str, Json]:
        """A cluster that is there already."""
        resource_id = f"{self._world.places.group_id}/providers/{kind}/{name}"
        self.of(resource_id)
        return self._world.resources.put(self._cluster(resource_id, kind, {"properties": properties}))

    def extend(self, cluster_id: str, settings: Mapping[str, str], name: str = "azureml") -> None:
        """The Azure ML extension, installed already."""
        resource_id = f"{cluster_id}/providers/{EXTENSIONS}/{name}"
        given = {"extensionType": "Microsoft.AzureML.Kubernetes", "configurationSettings": dict(settings)}
        extension = self._extension(resource_id, {"properties": given})
        extension["properties"]["provisioningState"] = "Succeeded"
        self._world.resources.put(extension)

    async def _list(self, request: Request) -> Response:
        path = request.scope["path"]
        kind = AKS if AKS.lower() in path.lower() else ARC
        return JSONResponse({"value": self._world.resources.under(path.lower().partition("/providers/")[0], kind)})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _put(self, request: Request) -> Response:
        given, path = await body(request), request.scope["path"]
        self.of(path)
        kind = AKS if AKS.lower() in path.lower() else ARC
        return self._world.arm.make(request, self._cluster(path, kind, given), nothing, creating=_CREATING[kind])

    async def _delete(self, request: Request) -> Response:
        return self._world.arm.delete(request, request.scope["path"], nothing)

    async def _credential(self, request: Request) -> Response:
        cluster = self._world.resources.get(request.scope["path"].rpartition("/")[0])
        config = base64.b64encode(self.of(cluster["id"]).kubeconfig.encode()).decode()
        value: dict[str, Json] = {"kubeconfigs": [{"name": "clusterUser", "value": config}]}
        if cluster["type"] == ARC:
            relay = {
                "hybridConnectionName": "microsoft.kubernetes",
                "relay": last(cluster["id"]),
                "expirationTime": 1893456000,
            }
            value["hybridConnectionConfig"] = relay
        return JSONResponse(value)

    async def _pools(self, request: Request) -> Response:
        cluster = self._world.resources.get(request.scope["path"].rpartition("/")[0])
        pools = cluster["properties"].get("agentPoolProfiles", [])
        value = [
            {"id": f"{cluster['id']}/agentPools/{pool['name']}", "name": pool["name"], "properties": pool}
            for pool in pools
        ]
        return JSONResponse({"value": value})

    async def _versions(self, request: Request) -> Response:
        values = [
            {"version": one, "capabilities": {"supportPlan": ["KubernetesOfficial"]}} for one in KUBERNETES_VERSIONS
        ]
        return JSONResponse({"values": values})

    async def _extensions(self, request: Request) -> Response:
        return JSONResponse({"value": self._world.resources.children(request.scope["path"])})

    async def _put_extension(self, request: Request) -> Response:
        path, given = request.scope["path"], await body(request)
        cluster_id = self._cluster_id(path)
        self._refuse_second(cluster_id, path, given)
        return self._install(request, self._extension(path, given), cluster_id)

    async def _patch_extension(self, request: Request) -> Response:
        """Settings are merged; protected settings are replaced as a whole."""
        path, given = request.scope["path"], (await body(request)).get("properties", {})
        extension = copy.deepcopy(self._world.resources.get(path))
        properties = extension["properties"]
        properties["configurationSettings"] |= given.get("configurationSettings") or {}
        if "configurationProtectedSettings" in given:
            properties["configurationProtectedSettings"] = _hidden(given["configurationProtectedSettings"])
        for key in ("autoUpgradeMinorVersion", "releaseTrain", "version"):
            if given.get(key) is not None:
                properties[key] = given[key]
        return self._install(request, extension, self._cluster_id(path), 202)

    def _install(self, request: Request, extension: dict[str, Json], cluster_id: str, status: int = 0) -> Response:
        async def work() -> None:
            properties = extension["properties"]
            protected = properties.get("configurationProtectedSettings") or {}
            settings = {**properties["configurationSettings"], **protected}
            fault = health_check(settings, self.of(cluster_id), is_aks=AKS.lower() in cluster_id.lower())
            if fault:
                properties["errorInfo"] = {"code": "ExtensionOperationFailed", "message": fault}
                raise OperationError("ExtensionOperationFailed", fault)
            properties["currentVersion"] = properties.get("version") or "1.1.88"

        return self._world.arm.make(request, extension, work, status)

    def _cluster_id(self, path: str) -> str:
        cluster_id = path[: path.lower().index(f"/providers/{EXTENSIONS}".lower())]
        cluster = self._world.resources.find(cluster_id)
        if cluster is None:
            raise ArmError(404, "ParentResourceNotFound", f"The parent resource {cluster_id} was not found.")
        return str(cluster["id"])

    def _refuse_second(self, cluster_id: str, path: str, given: dict[str, Json]) -> None:
        kind = given.get("properties", {}).get("extensionType", "").lower()
        for other in self._world.resources.children(f"{cluster_id}/providers/{EXTENSIONS}"):
            is_same = other["id"].lower() == path.lower()
            if not is_same and other["properties"]["extensionType"].lower() == kind:
                raise ArmError(409, "ExtensionExists", f"The extension type {kind} is installed as {other['name']}.")

    def _cluster(self, resource_id: str, kind: str, given: dict[str, Json]) -> dict[str, Json]:
        places = self._world.places
        defaults = _aks(self.of(resource_id).nodes) if kind == AKS else _arc(self.of(resource_id).nodes)
        identity = {"type": "SystemAssigned", "principalId": places.workspace_guid, "tenantId": places.tenant}
        properties = {
            **defaults,
            **said(given.get("properties")),
        }
        return {
            "id": resource_id,
            "name": last(resource_id),
            "type": kind,
            "location": given.get("location") or places.region,
            "tags": given.get("tags") or {},
            "identity": {**identity, **(given.get("identity") or {})},
            "properties": {**properties, "provisioningState": "Succeeded"},
        }

    def _extension(self, resource_id: str, given: dict[str, Json]) -> dict[str, Json]:
        properties = dict(given.get("properties", {}))
        if not properties.get("extensionType"):
            raise bad_request("The property 'extensionType' is required.", "BadRequest")
        properties["configurationSettings"] = dict(properties.get("configurationSettings") or {})
        if properties.get("configurationProtectedSettings"):
            properties["configurationProtectedSettings"] = _hidden(properties["configurationProtectedSettings"])
        fixed = {
            "autoUpgradeMinorVersion": True,
            "releaseTrain": "Stable",
            "scope": {"cluster": {"releaseNamespace": "azureml"}},
        }
        identity = {"type": "SystemAssigned", "principalId": self._world.places.workspace_guid}
        kept = said(properties)
        return {
            "id": resource_id,
            "name": last(resource_id),
            "type": EXTENSIONS,
            "identity": {**identity, "tenantId": self._world.places.tenant},
            "properties": {**fixed, **kept, "statuses": [], "isSystemExtension": False},
        }


def health_check(settings: Mapping[str, str], inside: Inside, is_aks: bool) -> str:
    """The critical findings of the extension's own HealthCheck job: one error, or "" when it installs.

    Source: learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-kubernetes-extension (codes E40001-E40007).
    """
    flags = {key: str(value).lower() for key, value in settings.items()}
    if flags.get("enableTraining") != "true" and flags.get("enableInference") != "true":
        return "Failed pre-install: neither enableTraining nor enableInference is True."
    if flags.get("enableInference") != "true":
        return ""
    service = flags.get("inferenceRouterServiceType", "")
    if service not in {"loadbalancer", "nodeport", "clusterip"}:
        return "Failed pre-install: inferenceRouterServiceType is required when enableInference is True."
    if service == "loadbalancer" and not inside.has_load_balancer:
        return "E40001 LOAD_BALANCER_NOT_SUPPORT: the cluster has no load balancer."
    if flags.get("inferenceRouterHA", "true") == "true" and inside.nodes < 3:
        return "E40002 INSUFFICIENT_NODE: inferenceRouterHA needs at least 3 nodes."
    if "internalLoadBalancerProvider" in flags and not (is_aks and flags["internalLoadBalancerProvider"] == "azure"):
        return "E40003 INTERNAL_LOAD_BALANCER_NOT_SUPPORT: only for AKS, and only azure."
    return (
        "" if _has_tls(flags) else "E40007 INVALID_SSL_SETTING: sslCname, and a certificate with its key, are required."
    )


def _has_tls(flags: Mapping[str, str]) -> bool:
    if flags.get("allowInsecureConnections") == "true":
        return True
    files = "scoringFe.sslCert" in flags or ("sslCertPemFile" in flags and "sslKeyPemFile" in flags)
    return "sslCname" in flags and (files != ("sslSecret" in flags))


def _hidden(protected: Mapping[str, str] | None) -> dict[str, str]:
    """Azure tells the names of protected settings, never their values."""
    return dict.fromkeys(protected or {}, "")


def _aks(nodes: int) -> dict[str, Json]:
    pool = {
        "name": "nodepool1",
        "count": nodes,
        "vmSize": "Standard_DS3_v2",
        "mode": "System",
        "osType": "Linux",
        "type": "VirtualMachineScaleSets",
        "orchestratorVersion": "1.33.5",
        "powerState": {"code": "Running"},
    }
    return {
        "kubernetesVersion": "1.33.5",
        "currentKubernetesVersion": "1.33.5",
        "dnsPrefix": "lab",
        "fqdn": "lab-dns.hcp.westeurope.azmk8s.io",
        "agentPoolProfiles": [pool],
        "servicePrincipalProfile": {"clientId": "msi"},
        "disableLocalAccounts": False,
        "enableRBAC": True,
        "powerState": {"code": "Running"},
        "apiServerAccessProfile": {"enablePrivateCluster": False},
        "networkProfile": {"networkPlugin": "azure", "outboundType": "loadBalancer"},
    }


def _arc(nodes: int) -> dict[str, Json]:
    return {
        "agentPublicKeyCertificate": "",
        "kubernetesVersion": "1.33.5",
        "totalNodeCount": nodes,
        "totalCoreCount": 4 * nodes,
        "agentVersion": "1.28.0",
        "distribution": "generic",
        "infrastructure": "generic",
        "connectivityStatus": "Connected",
        "lastConnectivityTime": now(),
        "privateLinkState": "Disabled",
    }
