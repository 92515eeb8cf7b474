"""An AksCompute into a compute of type Kubernetes, and into the file that orders the extension for its cluster."""

import re
from collections.abc import Mapping

from landbridge.domain.azure.extension import CERTIFICATE, HA_NODES, KEY
from landbridge.domain.azure.v1.account import Account, Breach, Outcome
from landbridge.domain.azure.v1.draft import ComputeDraft
from landbridge.domain.azure.v1.service import Wishes, new_compute_name
from landbridge.domain.azure.v1.twins import Default
from landbridge.domain.values import Json

CERT_VARIABLE, KEY_VARIABLE = "ROUTER_CERT_PEM", "ROUTER_KEY_PEM"
EXTENSION = "azureml"
_RESOURCE = re.compile(r"/resourceGroups/([^/]+)/providers/Microsoft\.ContainerService/managedClusters/([^/]+)", re.I)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_AKS = "properties"  # of the properties of a compute: what is AKS' own
_SAID_BY_SERVICE = (
    *("id", "type", "location", "identity", "sku", "systemData", "computeType", "computeLocation", "provisioningState"),
    *("provisioningErrors", "isAttachedCompute", "createdOn", "modifiedOn", "disableLocalAuth", "status"),
)
_CLUSTER_ITSELF = "belongs to the AKS cluster, which stays as it is"


def compute(data: Mapping[str, Json], wishes: Wishes) -> ComputeDraft:
    """Draft both files. The fields stand below `properties`, AKS' own below `properties.properties`."""
    account = Account(data, "properties")
    old = str(account.get("name") or "")
    todo: list[str] = []
    body = _compute(account, wishes, old)
    extension = _extension(account, todo)
    breaches: list[Breach] = []
    if not _NAME.fullmatch(old):
        hint = "Write the name that v1 has: letters, digits and dashes."
        breaches.append(Breach(account.keys("name"), f"{old!r} is no name of a compute.", hint))
    if not _RESOURCE.search(str(body["resource_id"])):
        message = "`resourceId` is no id of an AKS cluster."
        breaches.append(Breach(account.keys("resourceId"), message, "Write the id of its managedClusters resource."))
    for name in _SAID_BY_SERVICE:
        account.claim((name,), Outcome.REPORTED)
    for name in ("systemServices", "clusterFqdn"):
        account.claim((_AKS, name), Outcome.REPORTED, note="the router gets a new address")
    for name in ("agentVmSize", "aksNetworkingConfiguration"):
        account.claim((_AKS, name), Outcome.NO_TWIN, note=_CLUSTER_ITSELF)
    defaults = (
        Default("batch and training", "no", "with enableTraining", "not switched on: AksCompute had neither"),
        Default("attachments of one cluster", "one", "many", "one per workspace and namespace"),
    )
    return ComputeDraft(old, body, extension, account.close(), tuple(todo), tuple(breaches), defaults)


def _compute(account: Account, wishes: Wishes, old: str) -> dict[str, Json]:
    new = wishes.compute or new_compute_name(old)
    note = "v1's compute stays attached until the end, so v2's has another name"
    account.claim(("name",), Outcome.CHANGED, f"compute: name: {new}", note)
    account.claim(("resourceId",), Outcome.WRITTEN, "compute: resource_id; extension: cluster")
    account.claim(("description",), Outcome.WRITTEN, "compute: description")
    account.claim(("tags",), Outcome.WRITTEN, "compute: tags")
    description, tags = account.get("description"), account.get("tags")
    found: dict[str, Json] = {"name": new, "type": "kubernetes", "resource_id": str(account.get("resourceId") or "")}
    found |= {"description": str(description)} if description else {}
    found |= {"tags": {key: str(item) for key, item in tags.items()}} if isinstance(tags, dict) and tags else {}
    return found | {"namespace": "default"}


def _extension(account: Account, todo: list[str]) -> dict[str, Json]:
    place = _RESOURCE.search(str(account.get("resourceId") or ""))
    cluster: dict[str, Json] = {
        "kind": "aks",
        "name": place[2] if place else "",
        "resource_group": place[1] if place else "",
    }
    nodes = account.get(_AKS, "agentCount")
    if isinstance(nodes, int) and nodes > 0:
        cluster["nodes"] = nodes
    account.claim((_AKS, "agentCount"), Outcome.WRITTEN, "extension: cluster.nodes")
    settings: dict[str, Json] = {"inferenceRouterServiceType": "LoadBalancer", **_load_balancer(account)}
    settings |= _replicas(account, nodes if isinstance(nodes, int) else None)
    tls, protected = _tls(account, todo)
    found: dict[str, Json] = {
        "name": EXTENSION,
        "cluster": cluster,
        "features": "inference",
        "settings": settings | tls,
    }
    return found | ({"protected_settings": protected} if protected else {})


def _load_balancer(account: Account) -> dict[str, Json]:
    internal = account.get(_AKS, "loadBalancerType") == "InternalLoadBalancer"
    target = "internalLoadBalancerProvider: azure" if internal else "inferenceRouterServiceType: LoadBalancer"
    account.claim((_AKS, "loadBalancerType"), Outcome.WRITTEN, f"extension: {target}")
    account.claim((_AKS, "loadBalancerSubnet"), Outcome.NO_TWIN, note="the extension has no setting for the subnet")
    return {"internalLoadBalancerProvider": "azure"} if internal else {}


def _replicas(account: Account, nodes: int | None) -> dict[str, Json]:
    """`DevTest` is one replica of the router; the others are three, which need three nodes."""
    purpose = account.get(_AKS, "clusterPurpose")
    few = nodes is not None and nodes < HA_NODES
    alone = purpose == "DevTest" or few
    note = f"three replicas need {HA_NODES} nodes" if few and purpose != "DevTest" else ""
    outcome = Outcome.CHANGED if note else Outcome.WRITTEN
    account.claim((_AKS, "clusterPurpose"), outcome, f"extension: inferenceRouterHA: {str(not alone).lower()}", note)
    return {"inferenceRouterHA": not alone}


def _tls(account: Account, todo: list[str]) -> tuple[dict[str, Json], dict[str, Json]]:
    ssl = (_AKS, "sslConfiguration")
    status, cname = account.get(*ssl, "status"), account.get(*ssl, "cname")
    note = "save both from secret azuremlfessl before it is deleted; the extension reads files"
    for name in ("cert", "key"):
        account.claim((*ssl, name), Outcome.NO_TWIN, note=note, secret=True)
    account.claim((*ssl, "cname"), Outcome.WRITTEN, "extension: sslCname")
    if status == "Enabled":
        account.claim((*ssl, "status"), Outcome.WRITTEN, "extension: sslCname and certificate")
        _claim_generated(account, "")
        todo.append(f"Save certificate and key, and put their paths into ${CERT_VARIABLE} and ${KEY_VARIABLE}.")
        return {"sslCname": str(cname or "")}, {CERTIFICATE: CERT_VARIABLE, KEY: KEY_VARIABLE}
    if status == "Auto":
        note = "v2 has no certificate made by Microsoft: bring a name and a certificate of your own"
        account.claim((*ssl, "status"), Outcome.CHANGED, "extension: sslCname and certificate", note)
        _claim_generated(account, note)
        todo.append("Write `sslCname` into extension.yaml, with a DNS name and certificate of your own.")
        return {}, {CERTIFICATE: CERT_VARIABLE, KEY: KEY_VARIABLE}
    note = "without TLS as before; v2's default is HTTPS"
    account.claim((*ssl, "status"), Outcome.CHANGED, "extension: allowInsecureConnections: true", note)
    _claim_generated(account, "")
    todo.append("The router serves plain HTTP, as v1's did: give it sslCname and a certificate if you can.")
    return {"allowInsecureConnections": True}, {}


def _claim_generated(account: Account, note: str) -> None:
    for name in ("leafDomainLabel", "overwriteExistingDomain", "renew"):
        account.claim(
            (_AKS, "sslConfiguration", name), Outcome.NO_TWIN, note=note or "for certificates made by Microsoft"
        )
