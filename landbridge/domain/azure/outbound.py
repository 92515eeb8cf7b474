"""What a cluster must reach: host, port, protocol and why, for a region, a kind of cluster and the features of the extension.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall (Azure ML),
https://learn.microsoft.com/azure/aks/outbound-rules-control-egress (AKS),
https://learn.microsoft.com/azure/azure-arc/kubernetes/network-requirements (Arc).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from landbridge.domain.azure.clouds import NAMES, Cloud, Names, cloud_of
from landbridge.domain.azure.settings import BOTH, INFERENCE, TRAINING, ClusterKind, Feature

ML, ARC, AKS, EXTENSIONS = "Azure ML", "Arc agents", "AKS", "cluster extensions"
_OPEN = re.compile(r"<[^>]+>")
_MARKETPLACE = ("centralindia", "japaneast", "westus2", "westeurope", "eastus")
_PLACES = {"<workspace-id>": "workspace_id", "<storage>": "storage", "<registry>": "registry"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way out.

    Attributes:
        host: a name, `*.name`, or with `<…>` where a name of one's own belongs.
        who: which of the lists asks for it.
        note: when it may be left out, or what is uncertain; "" = always needed.
    """

    host: str
    port: int
    protocol: str
    why: str
    who: str
    note: str = ""
    features: frozenset[Feature] = BOTH

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_open(self) -> bool:
        """Whether a name of one's own is still missing."""
        return _OPEN.search(self.host) is not None


@dataclass(frozen=True, slots=True)
class Network:
    """What is asked for. Names of one's own resources are "" while unknown."""

    region: str
    kind: ClusterKind
    features: frozenset[Feature] = BOTH
    workspace_id: str = ""
    storage: str = ""
    registry: str = ""


def endpoints(network: Network) -> tuple[Endpoint, ...]:
    """All ways out, each once, in the order Azure ML, cluster."""
    base = _arc(network) if network.kind is ClusterKind.ARC else _aks(network)
    found: dict[str, Endpoint] = {}
    for endpoint in (*_machine_learning(network), *base):
        if endpoint.features & network.features:
            whole = replace(endpoint, host=filled(endpoint.host, network))
            found.setdefault(whole.name, whole)
    return tuple(found.values())


def filled(host: str, network: Network) -> str:
    """`host` with the names that are known; `<…>` stays where one is not."""
    for place, field in _PLACES.items():
        host = host.replace(place, str(getattr(network, field)) or place)
    return host.replace("<region>", network.region)


def _https(who: str, why: str, *hosts: str, note: str = "") -> Iterator[Endpoint]:
    for host in hosts:
        yield Endpoint(host, 443, "HTTPS", why, who, note)


def _machine_learning(network: Network) -> Iterator[Endpoint]:
    cloud = cloud_of(network.region)
    names = NAMES[cloud]
    yield from _https(ML, "service API", f"<workspace-id>.workspace.<region>.{names.api}", f"<region>.{names.api}")
    yield from _api_of(cloud)
    images = (f"<registry>.{names.registry}", f"<registry>.<region>.data.{names.registry}")
    yield from _https(ML, "pulls the images of jobs and deployments", *images)
    yield from _https(ML, "scripts, data, models; logs and outputs", f"<storage>.blob.{names.storage}")
    yield from _logs(names)
    yield Endpoint("pypi.org", 443, "HTTPS", "pip packages of a training environment", ML, features=TRAINING)
    for host in ("archive.ubuntu.com", "security.ubuntu.com", "ppa.launchpad.net"):
        yield Endpoint(host, 80, "HTTP", "security patches", ML, features=TRAINING)
    yield Endpoint(names.api, 443, "HTTPS", "Entra ID tokens of requests, at the router", ML, features=INFERENCE)


def _api_of(cloud: Cloud) -> Iterator[Endpoint]:
    if cloud is Cloud.PUBLIC:
        yield from _https(ML, "service API", "<region>.experiments.azureml.net")
        return
    note = "the page names these for the cloud as a whole, not for Kubernetes"
    hosts = {
        Cloud.GOVERNMENT: ("*.ml.azure.us", "*.modelmanagement.azureml.us"),
        Cloud.CHINA: ("*.ml.azure.cn", "*.azureml.cn", "*.modelmanagement.ml.azure.cn"),
    }
    yield from _https(ML, "service API, models", *hosts[cloud], note=note)


def _logs(names: Names) -> Iterator[Endpoint]:
    note = "may be left out; Microsoft can then not look into a fault"
    guess = "; Azure's general ending, no page names it for this cloud" if "kusto" in names.guessed else ""
    yield from _https(ML, "system logs", f"*.{names.kusto}", note=note + guess)
    yield from _https(ML, "system logs", f"*.table.{names.storage}", f"*.queue.{names.storage}", note=note)


def _arc(network: Network) -> Iterator[Endpoint]:
    cloud = cloud_of(network.region)
    names = NAMES[cloud]
    yield from _https(ARC, "registers the cluster", names.management)
    yield from _https(ARC, "status and configuration", f"<region>.{names.configuration}")
    yield from {Cloud.PUBLIC: _arc_public, Cloud.GOVERNMENT: _arc_government, Cloud.CHINA: _arc_china}[cloud]()
    note = "WebSockets must be let through; Azure Relay brings jobs and deployments this way"
    yield from _https(ARC, "Azure Relay, cluster connect", f"*.{names.relay}", note=note)


def _arc_public() -> Iterator[Endpoint]:
    login = ("login.microsoftonline.com", "<region>.login.microsoft.com", "login.windows.net")
    yield from _https(ARC, "tokens", *login)
    yield from _https(ARC, "images of the agents", "mcr.microsoft.com", "*.data.mcr.microsoft.com")
    yield from _https(ARC, "kubectl, when the cluster is connected", "dl.k8s.io")
    yield from _https(ARC, "certificates of managed identities", "gbl.his.arc.azure.com", "*.his.arc.azure.com")
    notified = ("guestnotificationservice.azure.com", "*.guestnotificationservice.azure.com", "sts.windows.net")
    yield from _https(ARC, "cluster connect, custom locations", *notified)
    yield from _https(ARC, "Azure RBAC", "graph.microsoft.com", note="with Azure RBAC only")
    yield from _https(ARC, "Azure portal", "*.arc.azure.net", note="to manage the cluster in the portal")
    yield Endpoint("<region>.obo.arc.azure.com", 8084, "HTTPS", "cluster connect", ARC, "with cluster connect only")
    yield from _https(ARC, "cluster extensions", "linuxgeneva-microsoft.azurecr.io")


def _arc_government() -> Iterator[Endpoint]:
    yield from _https(ARC, "tokens", "login.microsoftonline.us", "<region>.login.microsoftonline.us")
    yield from _https(ARC, "images of the agents", "mcr.microsoft.com", "*.data.mcr.microsoft.com")
    yield from _https(ARC, "certificates of managed identities", "gbl.his.arc.azure.us", "usgv.his.arc.azure.us")
    notified = ("guestnotificationservice.azure.us", "*.guestnotificationservice.azure.us", "sts.windows.net")
    yield from _https(ARC, "cluster connect, custom locations", *notified)
    yield from _https(ARC, "Azure RBAC", "graph.microsoft.com", note="with Azure RBAC only")
    yield Endpoint("usgovvirginia.obo.arc.azure.us", 8084, "HTTPS", "cluster connect", ARC, "with cluster connect only")


def _arc_china() -> Iterator[Endpoint]:
    login = ("login.chinacloudapi.cn", "<region>.login.chinacloudapi.cn", "login.partner.microsoftonline.cn")
    yield from _https(ARC, "tokens", *login)
    mirrors = ("mcr.azk8s.cn", "quay.azk8s.cn", "registryk8s.azk8s.cn", "k8sgcr.azk8s.cn", "usgcr.azk8s.cn")
    yield from _https(ARC, "images of the agents, mirrored", *mirrors, "dockerhub.azk8s.cn")
    yield from _https(ARC, "certificates of managed identities", "gbl.his.arc.azure.cn", "*.his.arc.azure.cn")
    notified = ("guestnotificationservice.azure.cn", "*.guestnotificationservice.azure.cn", "sts.chinacloudapi.cn")
    yield from _https(ARC, "cluster connect, custom locations", *notified)
    yield from _https(ARC, "Azure RBAC", "graph.chinacloudapi.cn", note="with Azure RBAC only")
    yield from _https(ARC, "Azure portal", "*.arc.azure.cn", note="to manage the cluster in the portal")
    yield Endpoint("<region>.obo.arc.azure.cn", 8084, "HTTPS", "cluster connect", ARC, "with cluster connect only")


def _aks(network: Network) -> Iterator[Endpoint]:
    cloud = cloud_of(network.region)
    names = NAMES[cloud]
    private = "not for a private cluster"
    tunnels = (f"*.tun.<region>.{names.aks}",) if cloud is Cloud.CHINA else ()
    yield from _https(AKS, "API server", f"*.hcp.<region>.{names.aks}", *tunnels, note=private)
    yield from _https(AKS, "images of AKS", "mcr.microsoft.com", "*.data.mcr.microsoft.com")
    yield from _https(AKS, "Azure API", names.management)
    yield from _https(AKS, "tokens", names.login)
    yield from _https(AKS, "packages of the nodes", "packages.microsoft.com")
    yield from _aks_binaries(cloud)
    konnectivity = "not for a private cluster, nor with the konnectivity agent"
    yield Endpoint(
        "AzureCloud.<region>", 1194, "UDP", "tunnel to the API server", AKS, f"a service tag; {konnectivity}"
    )
    yield Endpoint(
        "AzureCloud.<region>", 9000, "TCP", "tunnel to the API server", AKS, f"a service tag; {konnectivity}"
    )
    yield Endpoint("ntp.ubuntu.com", 123, "UDP", "time of the nodes", AKS, "not for nodes made since March 2021")
    yield from _aks_extensions(cloud, names)


def _aks_binaries(cloud: Cloud) -> Iterator[Endpoint]:
    if cloud is Cloud.CHINA:
        yield from _https(AKS, "binaries of the nodes", "*.azk8s.cn")
        yield Endpoint("AzureCloud.<region>", 22, "TCP", "tunnel to the API server", AKS, "a service tag")
        return
    yield from _https(AKS, "binaries of the nodes", "acs-mirror.azureedge.net")
    if cloud is Cloud.PUBLIC:
        yield from _https(AKS, "images of AKS", "mcr-0001.mcr-msedge.net")


def _aks_extensions(cloud: Cloud, names: Names) -> Iterator[Endpoint]:
    guess = "no page names it for this cloud" if cloud is Cloud.CHINA else ""
    yield from _https(EXTENSIONS, "configuration and status", f"<region>.{names.configuration}", note=guess)
    if cloud is not Cloud.PUBLIC:
        return
    marketplace = "for extensions of the marketplace"
    hosts = [f"arcmktplaceprod.{place}.data.azurecr.io" for place in _MARKETPLACE]
    yield from _https(EXTENSIONS, "images", "arcmktplaceprod.azurecr.io", *hosts, note=marketplace)
    yield from _https(EXTENSIONS, "metrics of the agents", "*.ingestion.msftcloudes.com", "*.microsoftmetrics.com")
    yield from _https(EXTENSIONS, "metering", "marketplaceapi.microsoft.com", note=marketplace)
