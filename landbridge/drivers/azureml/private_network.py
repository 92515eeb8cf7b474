"""Proof that a workspace and all that belongs to it are private, as Azure tells it: one check for each. Changes nothing.

Read are the workspace, its storage account, key vault and container registry, and what the target runs on. What cannot be read
is a failed check: nothing is private because nobody looked. That names resolve to private addresses only is looked at elsewhere
(`network.endpoints` of the site): Azure does not tell it.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-secure-kubernetes-inferencing-environment
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.plan import Check
from landbridge.drivers.azureml.client import COMPUTES, WORKSPACES, Workspace, connect
from landbridge.drivers.azureml.options import SERVERLESS, AzureOptions, read_options

Object = Mapping[str, Any]

# Property of the workspace → what it is, and the API version of its provider.
NEIGHBOURS = {
    "storageAccount": ("storage account", "2023-01-01"),
    "keyVault": ("key vault", "2023-07-01"),
    "containerRegistry": ("container registry", "2023-07-01"),
}
AKS, AKS_VERSION = "/providers/microsoft.containerservice/managedclusters/", "2024-05-01"
ARC_VERSION, EXTENSIONS_VERSION = "2024-01-01", "2023-05-01"
EXTENSIONS, EXTENSION = "providers/Microsoft.KubernetesConfiguration/extensions", "microsoft.azureml.kubernetes"


@dataclass(frozen=True, slots=True)
class Prover:
    """Looks at one target's part of one workspace."""

    site: Site
    target: Target
    options: AzureOptions
    workspace: Workspace

    def checks(self) -> Iterator[Check]:
        place = self.options.place
        found = self._see(f"workspace {place.workspace}", place.id, WORKSPACES)
        if isinstance(found, Check):
            yield found  # what belongs to it is told there alone
            return
        yield closed(self._title(f"workspace {place.workspace}"), found)
        for key, (what, version) in NEIGHBOURS.items():
            if identifier := str(found["properties"].get(key) or ""):
                label = f"{what} {_last(identifier)}"
                neighbour = self._see(label, identifier, version)
                yield neighbour if isinstance(neighbour, Check) else closed(self._title(label), neighbour)
        yield from self._compute(str(found.get("location") or ""))

    def _compute(self, region: str) -> Iterator[Check]:
        name = self.options.compute
        if name in ("", SERVERLESS):
            yield self._of_no_compute()
            return
        found = self._see(f"compute {name}", f"{self.options.place.id}/computes/{name}", COMPUTES)
        if isinstance(found, Check):
            yield found
        elif found["properties"].get("computeType") == "Kubernetes":
            yield from self._cluster(str(found["properties"].get("resourceId") or ""), region)
        else:
            yield machines(self._title(f"compute {name}"), found)

    def _cluster(self, cluster: str, region: str) -> Iterator[Check]:
        """The router only where endpoints are served: a cluster that trains needs none."""
        label, is_aks = f"cluster {_last(cluster)}", AKS in cluster.lower()
        found = self._see(label, cluster, AKS_VERSION if is_aks else ARC_VERSION)
        if isinstance(found, Check):
            yield found
            return
        yield from (
            aks(self._title(label), found, region)
            if is_aks
            else [arc(self._title(label), found, self.site.network.proxy)]
        )
        if Role.SERVE in self.target.roles:
            extensions = self._see(f"router of {label}", f"{cluster}/{EXTENSIONS}", EXTENSIONS_VERSION)
            title = self._title(f"router of {label}")
            yield extensions if isinstance(extensions, Check) else router(title, extensions)

    def _of_no_compute(self) -> Check:
        title = self._title(f"machines of {self.target.name}")
        if Role.SERVE not in self.target.roles:
            hint = "Train on an attached cluster, or on a compute without public addresses."
            return Check(title, False, "Azure chooses machines for each job, and nothing tells their addresses", hint)
        access = self.options.public_network_access or "enabled"
        hint = "" if access == "disabled" else "Set public_network_access: disabled in the target's options."
        return Check(title, access == "disabled", f"endpoints are made with public network access {access}", hint)

    def _see(self, label: str, path: str, version: str) -> Object | Check:
        """What Azure tells of it, or the failed check that it told nothing."""
        try:
            return self.workspace.get(path, version, f"reading {label}")
        except LandbridgeError as error:
            return Check(self._title(label), False, f"it could not be read: {error.message}", error.hint)

    def _title(self, what: str) -> str:
        return f"{self.site.name}: {what}"


def private_proof(target: Target, inventory: Inventory) -> tuple[Check, ...]:
    """One check for each resource; none raises."""
    options = read_options(target, inventory)
    return tuple(Prover(inventory.sites[target.site], target, options, connect(options.place)).checks())


def closed(title: str, resource: Object) -> Check:
    """Whether a resource is reached through approved private endpoints, and not otherwise."""
    properties = resource["properties"]
    access = str(properties.get("publicNetworkAccess") or "Enabled")
    links = [_link(one) for one in properties.get("privateEndpointConnections") or ()]
    is_approved = any(status == "Approved" for _, status in links)
    told = ", ".join(f"{name} {status}" for name, status in links) or "none"
    detail = f"publicNetworkAccess is {access}; private endpoints: {told}"
    hint = (
        ""
        if is_approved
        else f"Make a private endpoint for {resource['name']} in the cluster's network, and approve it."
    )
    if access.lower() != "disabled":
        hint = f"Disable the public network access of {resource['name']}."
    return Check(title, is_approved and access.lower() == "disabled", detail, hint)


def aks(title: str, cluster: Object, region: str) -> Iterator[Check]:
    """Whether the API server has private addresses only, in the region of a workspace that is private."""
    profile = cluster["properties"].get("apiServerAccessProfile") or {}
    is_private = profile.get("enablePrivateCluster") is True
    has_name = profile.get("enablePrivateClusterPublicFQDN") is True
    state = "private" if is_private else "public"
    detail = f"the API server is {state}{', and has a public name' if is_private and has_name else ''}"
    hint = "Use a private cluster (`az aks create --enable-private-cluster`)."
    if is_private and has_name:
        hint = "Turn its public name off (`az aks update --disable-public-fqdn`)."
    passed = is_private and not has_name
    yield Check(f"{title}: API server", passed, detail, "" if passed else hint)
    here = str(cluster.get("location") or "")
    same = here.replace(" ", "").lower() == region.replace(" ", "").lower()
    detail = (
        f"the cluster is in {here or 'no region that is told'}, the workspace in {region or 'no region that is told'}"
    )
    yield Check(
        f"{title}: region", same, detail, "" if same else "A private workspace needs a cluster of its own region."
    )


def arc(title: str, cluster: Object, proxy: str) -> Check:
    """An Arc cluster is reached by nobody: its agents go out, by private link or through the site's proxy."""
    state = str(cluster["properties"].get("privateLinkState") or "Disabled")
    if state == "Enabled":
        return Check(title, True, "its agents go to Azure by private link")
    if proxy:
        return Check(title, True, f"its agents go to Azure through the proxy {proxy}; private link is {state}")
    hint = "Connect it by an Azure Arc private link scope, or declare the site's `network.proxy`."
    return Check(title, False, f"private link is {state}, and the site declares no proxy", hint)


def machines(title: str, compute: Object) -> Check:
    said = compute["properties"].get("properties") or {}
    is_private = said.get("enableNodePublicIp") is False
    detail = "its machines have no public addresses" if is_private else "its machines may have public addresses"
    return Check(title, is_private, detail, "" if is_private else "Create the compute without public addresses.")


def router(title: str, extensions: Object) -> Check:
    """Whether predictions are asked at private addresses only."""
    found = (one["properties"] for one in extensions.get("value") or ())
    mine = next((one for one in found if str(one.get("extensionType")).lower() == EXTENSION), None)
    if mine is None:
        return Check(
            title, False, "the cluster has no Azure ML extension", "Install it (`landbridge ops extension plan`)."
        )
    settings = mine.get("configurationSettings") or {}
    kind = str(settings.get("inferenceRouterServiceType") or "not told")
    internal = str(settings.get("internalLoadBalancerProvider") or "").lower() == "azure"
    is_private = kind.lower() in {"clusterip", "nodeport"} or (kind.lower() == "loadbalancer" and internal)
    detail = f"inferenceRouterServiceType is {kind}{', an internal load balancer' if internal else ''}"
    hint = "" if is_private else "Set internalLoadBalancerProvider=azure, or the router to ClusterIP."
    return Check(title, is_private, detail, hint)


def _link(connection: Object) -> tuple[str, str]:
    state = (connection.get("properties") or {}).get("privateLinkServiceConnectionState") or {}
    return str(connection.get("name") or "?"), str(state.get("status") or "Unknown")


def _last(identifier: str) -> str:
    return identifier.rstrip("/").rpartition("/")[2]
