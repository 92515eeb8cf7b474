"""AKS and Arc clusters, and what they are judged against, as Azure's management service tells them."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from landbridge.domain.azure.clouds import Cloud
from landbridge.domain.azure.clusters import (
    TRUSTED_ROLE,
    Aks,
    Arc,
    ClusterId,
    Pool,
    Proxy,
    Surroundings,
    read_cluster_id,
)
from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.errors import AuthError, CapabilityMissingError, InputError, NotFoundError, RefusedError
from landbridge.drivers.azureml.client import COMPUTES, Object, Request, Workspace
from landbridge.drivers.azureml.computes import read_compute
from landbridge.drivers.azureml.operating_options import read_operating
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind

AKS_VERSION = "2024-09-01"
ARC_VERSION = "2024-01-01"
SIZES_VERSION = "2024-07-01"
TAGS_VERSION = "2024-05-01"
SUBSCRIPTION_VERSION = "2022-12-01"
PROVIDER_VERSION = "2021-04-01"
SERVICE_TAG = "azuremachinelearning."
MSI = "msi"

Found = TypeVar("Found")


def cluster_of(workspace: Workspace, options: AzureOptions) -> ClusterId:
    """The cluster of a target: the one that its options name, or the one behind its compute.

    Raises:
        InputError: it has none.
    """
    if said := read_operating(options.operations).cluster:
        return read_cluster_id(said)
    if options.compute_kind is not ComputeKind.SERVERLESS:
        try:
            compute = read_compute(workspace, options)
        except RefusedError as error:
            raise _no_cluster(error.message.rstrip(".")) from error
        if compute.kind is ComputeKind.KUBERNETES:
            return read_cluster_id(str((compute.said or {}).get("resourceId") or ""))
    raise _no_cluster("The target has no Kubernetes compute")


def read_cluster(workspace: Workspace, at: ClusterId) -> Aks | Arc:
    """The cluster as it is now.

    Raises:
        NotFoundError: there is none of that identifier.
    """
    doing = f"reading {at.label}"
    if at.kind is ClusterKind.ARC:
        return _arc(at, workspace.get(at.id, ARC_VERSION, doing))
    said = workspace.get(at.id, AKS_VERSION, doing)
    return _aks(workspace, at, said)


def read_surroundings(workspace: Workspace, cluster: Aks | Arc) -> Surroundings:
    """What cannot be read with this account is left empty."""
    said, mine = workspace.resource(), cluster.at
    region = str(said["location"]).lower()
    properties, cloud = said["properties"], workspace.place.cloud
    ranged = isinstance(cluster, Aks) and cluster.ranges and not cluster.trusts
    provider = f"/subscriptions/{mine.subscription_id}/providers/Microsoft.KubernetesConfiguration"
    registered = _seen(lambda: workspace.get(provider, PROVIDER_VERSION, "reading a resource provider"))
    return Surroundings(
        workspace.place.subscription_id,
        region,
        str(properties.get("publicNetworkAccess") or "").lower() == "disabled",
        str((said.get("identity") or {}).get("type") or ""),
        _seen(lambda: tuple(_offered(workspace, mine.subscription_id, region))) or (),
        (_seen(lambda: tuple(_service_ranges(workspace, region))) or ()) if ranged else (),
        str((registered or {}).get("registrationState") or ""),
        tuple(_legacy(workspace, mine)),
        cloud is Cloud.PUBLIC,
        time.time(),
    )


def read_kubeconfig(workspace: Workspace, at: ClusterId) -> str:
    """A kubeconfig of AKS for this account: a secret.

    Raises:
        CapabilityMissingError: an Arc cluster is reached through a proxy that only Azure's CLI runs.
    """
    if at.kind is ClusterKind.ARC:
        hint = "Give --kubeconfig, or run `az connectedk8s proxy` and give the one that it writes."
        raise CapabilityMissingError(f"Azure gives no kubeconfig for {at.label} that works by itself.", hint)
    doing = f"reading a kubeconfig of {at.label}"
    answer = workspace.ask(Request("POST", f"{at.id}/listClusterUserCredential", doing, AKS_VERSION))
    [first, *_] = answer.body["kubeconfigs"]
    return base64.b64decode(first["value"]).decode()


def computes_on(workspace: Workspace, at: ClusterId) -> tuple[Object, ...]:
    """Every compute of the workspace on that cluster, of v1 too; a workspace knows nothing of others'."""
    return tuple(one for one in _computes(workspace) if _is_on(one, at))


def _no_cluster(why: str) -> InputError:
    hint = "Name the cluster in the inventory: `operations: {cluster: /subscriptions/…}` under the target's `options`."
    return InputError(f"{why}, so there is no cluster.", hint)


def _aks(workspace: Workspace, at: ClusterId, said: Object) -> Aks:
    of = said["properties"]
    api, region = of.get("apiServerAccessProfile") or {}, str(said["location"]).lower()
    ranges, private = tuple(api.get("authorizedIPRanges") or ()), bool(api.get("enablePrivateCluster"))
    public_name = private and api.get("enablePrivateClusterPublicFQDN") is not False
    closed = bool(of.get("disableLocalAccounts"))
    needs_trust = (closed or ranges or public_name) and workspace.place.cloud is Cloud.PUBLIC
    sizes = _seen(lambda: _sizes(workspace, at.subscription_id, region)) or {}
    principal = str((of.get("servicePrincipalProfile") or {}).get("clientId") or MSI)
    return Aks(
        at,
        region,
        str(of.get("currentKubernetesVersion") or of.get("kubernetesVersion") or ""),
        str(of.get("provisioningState") or ""),
        str((of.get("powerState") or {}).get("code") or ""),
        str((said.get("identity") or {}).get("type") or ""),
        principal.lower() != MSI,
        tuple(_pool(one, sizes) for one in of.get("agentPoolProfiles") or ()),
        not closed,
        ranges,
        private,
        public_name,
        bool((of.get("podIdentityProfile") or {}).get("enabled")),
        bool(needs_trust) and bool(_seen(lambda: _is_trusted(workspace, at))),
        _proxy(of.get("httpProxyConfig") or {}),
    )


def _pool(said: Mapping[str, Any], sizes: Mapping[str, tuple[int, int]]) -> Pool:
    size = str(said.get("vmSize") or "")
    cpus, memory = sizes.get(size.lower(), (0, 0))
    return Pool(
        str(said["name"]),
        size,
        int(said.get("count") or 0),
        cpus,
        memory,
        str(said.get("osType") or "Linux") == "Linux",
        str((said.get("powerState") or {}).get("code") or "Running") == "Running",
        tuple(said.get("nodeTaints") or ()),
        bool(said.get("enableAutoScaling")),
    )


def _proxy(said: Mapping[str, Any]) -> Proxy | None:
    """Without the credentials that may stand in its address."""
    address = str(said.get("httpsProxy") or said.get("httpProxy") or "")
    if not address:
        return None
    scheme, found, rest = address.partition("://")
    return Proxy(f"{scheme}{found}{rest.rpartition('@')[2]}", tuple(said.get("noProxy") or ()))


def _arc(at: ClusterId, said: Object) -> Arc:
    of = said["properties"]
    ends = str(of.get("managedIdentityCertificateExpirationTime") or "")
    return Arc(
        at,
        str(said["location"]).lower(),
        str(of.get("kubernetesVersion") or ""),
        str(of.get("provisioningState") or ""),
        str(of.get("connectivityStatus") or ""),
        str(of.get("lastConnectivityTime") or ""),
        str((said.get("identity") or {}).get("type") or ""),
        int(of.get("totalNodeCount") or 0),
        int(of.get("totalCoreCount") or 0),
        str(of.get("distribution") or ""),
        datetime.fromisoformat(ends.replace("Z", "+00:00")).timestamp() if ends else None,
        str(of.get("privateLinkState") or "") == "Enabled",
        str(of.get("privateLinkScopeResourceId") or ""),
    )


def _is_trusted(workspace: Workspace, at: ClusterId) -> bool:
    """Whether a role binding of Trusted Access lets this workspace in."""
    doing = f"listing the Trusted Access role bindings of {at.label}"
    for one in workspace.items(f"{at.id}/trustedAccessRoleBindings", AKS_VERSION, doing):
        of = one["properties"]
        mine = str(of.get("sourceResourceId") or "").lower() == workspace.place.id.lower()
        if mine and TRUSTED_ROLE.lower() in {str(role).lower() for role in of.get("roles") or ()}:
            return True
    return False


def _sizes(workspace: Workspace, subscription: str, region: str) -> dict[str, tuple[int, int]]:
    path = f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{region}/vmSizes"
    found = workspace.items(path, SIZES_VERSION, f"reading the machine sizes of {region}")
    return {str(one["name"]).lower(): (int(one["numberOfCores"]), int(one["memoryInMB"])) for one in found}


def _offered(workspace: Workspace, subscription: str, region: str) -> Iterator[str]:
    """Versions that AKS offers; a minor version all of whose patches are previews is none."""
    path = f"/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{region}/kubernetesVersions"
    said = workspace.get(path, AKS_VERSION, f"reading the Kubernetes versions of {region}")
    return (str(one["version"]) for one in said.get("values") or () if not one.get("isPreview"))


def _service_ranges(workspace: Workspace, region: str) -> Iterator[str]:
    """Where Azure Machine Learning comes from, in the workspace's region and its pair."""
    subscription = f"/subscriptions/{workspace.place.subscription_id}"
    regions = {region}
    for one in workspace.items(f"{subscription}/locations", SUBSCRIPTION_VERSION, "listing Azure's regions"):
        if str(one["name"]).lower() == region:
            pairs = (one.get("metadata") or {}).get("pairedRegion") or ()
            regions |= {str(pair["name"]).lower() for pair in pairs}
    path = f"{subscription}/providers/Microsoft.Network/locations/{region}/serviceTags"
    said = workspace.get(path, TAGS_VERSION, "reading Azure's service tags")
    for tag in said.get("values") or ():
        name = str(tag["name"]).lower()
        if name.startswith(SERVICE_TAG) and name.removeprefix(SERVICE_TAG) in regions:
            yield from tag["properties"].get("addressPrefixes") or ()


def _legacy(workspace: Workspace, at: ClusterId) -> Iterator[str]:
    for one in computes_on(workspace, at):
        if str(one["properties"].get("computeType", "")).upper() == "AKS":
            yield str(one["name"])


def _computes(workspace: Workspace) -> Iterator[Object]:
    return workspace.items("computes", COMPUTES, f"listing the computes of {workspace.place.label}")


def _is_on(compute: Object, at: ClusterId) -> bool:
    return str(compute["properties"].get("resourceId") or "").rstrip("/").lower() == at.id.lower()


def _seen(read: Callable[[], Found]) -> Found | None:
    """What `read` finds; None when this account may not look, or Azure has no such list here."""
    try:
        return read()
    except (AuthError, NotFoundError):
        return None
