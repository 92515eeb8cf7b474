"""Clusters as Azure's management service tells of them: AKS, and any other that Azure Arc connects. Values alone.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension (prerequisites, limits),
https://github.com/Azure/AML-Kubernetes/blob/master/docs/azureml-aks-ta-support.md (Trusted Access).
"""

import re
from dataclasses import dataclass

from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.errors import InputError

PROVIDERS = {
    ClusterKind.AKS: "Microsoft.ContainerService/managedClusters",
    ClusterKind.ARC: "Microsoft.Kubernetes/connectedClusters",
}
TRUSTED_ROLE = "Microsoft.MachineLearningServices/workspaces/mlworkload"
_ID = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/([^/]+/[^/]+)/([^/]+)/?", re.IGNORECASE)
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/,]+",
    re.IGNORECASE,
)
_SLIP = "microsoft.containerservice/connectedclusters"  # in Microsoft's own page on attaching


@dataclass(frozen=True, slots=True)
class ClusterId:
    """The resource identifier of a cluster. Azure does not mind upper and lower case, so compare with `is_same`."""

    kind: ClusterKind
    subscription_id: str
    resource_group: str
    name: str

    @property
    def id(self) -> str:
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{PROVIDERS[self.kind]}/{self.name}"

    @property
    def label(self) -> str:
        return f"{'AKS' if self.kind is ClusterKind.AKS else 'Arc'} cluster {self.name!r}"

    def is_same(self, other: "ClusterId") -> bool:
        return self.id.lower() == other.id.lower()


@dataclass(frozen=True, slots=True)
class Pool:
    """One node pool of AKS.

    Attributes:
        cpus, memory_mb: of one node; 0 = the region does not tell this size.
        taints: as `key=value:Effect`.
        scales: AKS' autoscaler changes its count.
    """

    name: str
    size: str
    count: int
    cpus: int = 0
    memory_mb: int = 0
    is_linux: bool = True
    is_running: bool = True
    taints: tuple[str, ...] = ()
    scales: bool = False


@dataclass(frozen=True, slots=True)
class Proxy:
    """The outbound proxy that a cluster was made with. `skipped`: hosts and networks that it is not used for."""

    address: str
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aks:
    """What ARM tells of an AKS cluster.

    Attributes:
        ranges: addresses that may reach the API server; () = any.
        trusts: Trusted Access lets this workspace in, whatever else keeps others out.
        has_public_name: a private cluster with a public DNS name.
    """

    at: ClusterId
    region: str
    version: str
    state: str
    power: str
    identity: str
    has_service_principal: bool
    pools: tuple[Pool, ...]
    local_accounts: bool = True
    ranges: tuple[str, ...] = ()
    is_private: bool = False
    has_public_name: bool = False
    pod_identity: bool = False
    trusts: bool = False
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Arc:
    """What ARM tells of a cluster that Azure Arc connects. It tells neither proxy nor memory.

    Attributes:
        seen: when its agents last spoke, as Azure writes it.
        identity_ends: when the certificate of its identity ends, Unix time; None = not said.
        private_link: an Arc private link scope is used.
    """

    at: ClusterId
    region: str
    version: str
    state: str
    connectivity: str
    seen: str
    identity: str
    nodes: int
    cores: int
    distribution: str = ""
    identity_ends: float | None = None
    private_link: bool = False
    private_link_scope: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a cluster is judged against.

    Attributes:
        subscription_id, region: of the workspace.
        is_private: the workspace is reached by private endpoints alone.
        identity: the workspace's own: SystemAssigned, UserAssigned or both.
        offered: Kubernetes versions that AKS offers in the region without previews, any order; () = not told.
        service_ranges: addresses that Azure Machine Learning itself comes from, in the region and its pair; () = not told.
        registered: state of the resource provider Microsoft.KubernetesConfiguration in the subscription.
        legacy: names of AksCompute (v1) of the workspace on this cluster.
        trusted_access: whether this cloud has Trusted Access.
        now: Unix time.
    """

    subscription_id: str
    region: str
    is_private: bool = False
    identity: str = "SystemAssigned"
    offered: tuple[str, ...] = ()
    service_ranges: tuple[str, ...] = ()
    registered: str = ""
    legacy: tuple[str, ...] = ()
    trusted_access: bool = True
    now: float = 0.0


def read_cluster_id(text: str) -> ClusterId:
    """The identifier that `text` is.

    Raises:
        InputError: it is none of an AKS or Arc cluster; says of which, and what is usually mistaken for one.
    """
    found = _ID.fullmatch(text.strip())
    provider = found[3].lower() if found else ""
    for kind, name in PROVIDERS.items():
        if found and provider == name.lower():
            return ClusterId(kind, found[1], found[2], found[4])
    if provider == _SLIP:
        hint = (
            "Write Microsoft.Kubernetes/connectedClusters: a cluster that Arc connects belongs to Microsoft.Kubernetes."
        )
        raise InputError(f"{text!r} names no provider of clusters.", hint)
    kinds = " or, of Arc, ".join(f"…/providers/{name}/NAME" for name in PROVIDERS.values())
    hint = f"Write /subscriptions/…/resourceGroups/{kinds}."
    raise InputError(f"{text!r} is no identifier of an AKS or Arc cluster.", hint)


def is_identity_id(text: str) -> bool:
    """Whether it names one user-assigned identity."""
    return bool(_IDENTITY.fullmatch(text.strip()))
