"""What a network plan says beside hosts: service tags, traffic inside the cluster, lists to go through.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-access-azureml-behind-firewall,
https://learn.microsoft.com/azure/machine-learning/how-to-secure-kubernetes-inferencing-environment,
https://github.com/Azure/AML-Kubernetes/blob/master/docs/private-link.md,
https://learn.microsoft.com/azure/azure-arc/kubernetes/private-link.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.domain.azure.clouds import NAMES, Cloud, cloud_of
from landbridge.domain.azure.outbound import Network, filled
from landbridge.domain.azure.settings import ClusterKind, Feature


@dataclass(frozen=True, slots=True)
class Tag:
    """A service tag, for network security groups and Azure Firewall."""

    name: str
    ports: str
    why: str


@dataclass(frozen=True, slots=True)
class Inside:
    """Traffic between pods, which network policies must let through."""

    source: str
    destination: str
    ports: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to see to. `remedy` may be a command."""

    about: str
    what: str
    how: str = ""


def tags(network: Network) -> tuple[Tag, ...]:
    cloud = cloud_of(network.region)
    front_door = (Tag("AzureFrontDoor.FrontEnd", "443", "Azure ML studio"),) if cloud is not Cloud.CHINA else ()
    return (
        Tag("AzureActiveDirectory", "80, 443", "tokens of Microsoft Entra ID"),
        Tag("AzureMachineLearning", "443, 8787, 18881; UDP 5831", "Azure ML"),
        Tag("AzureResourceManager", "443", "Azure's resources"),
        Tag(f"Storage.{network.region}", "443", "storage; 445 too where file shares lie behind the firewall"),
        *front_door,
        Tag("MicrosoftContainerRegistry", "443", "Microsoft's images; also sets up the router on AKS"),
        Tag("AzureFrontDoor.FirstParty", "443", "Microsoft's images; also sets up the router on AKS"),
        Tag("AzureMonitor", "443", "logs and metrics; support cases"),
        Tag("VirtualNetwork", "443", "private endpoints"),
        Tag(f"Keyvault.{network.region}", "443", "for a workspace made with hbi_workspace"),
    )


def inside(network: Network) -> tuple[Inside, ...]:
    ours = "pods of namespace azureml"
    found = [
        Inside(ours, "API server of Kubernetes", "443"),
        Inside(ours, ours, "all"),
        Inside(ours, "kube-dns and konnectivity-agent in kube-system", "all"),
    ]
    if Feature.INFERENCE in network.features:
        found += [
            Inside("azureml-fe-*", "model pods, in any namespace", "5001"),
            Inside("azureml-fe-*", "azureml-fe-*", "11001, 12001, 12101, 12201, 20000, 8000, 8001, 9001"),
            Inside("model pods", "amlarc-identity-proxy-*", "9999"),
        ]
    return tuple(found)


def checklist(network: Network, proxy: str, private_link: bool) -> tuple[Item, ...]:
    """What to go through; empty without proxy and private link, but for what always holds."""
    found = [*_always(network)]
    if proxy:
        found += _proxy(network, proxy)
    if private_link:
        found += [*_private(network), *(_private_arc() if network.kind is ClusterKind.ARC else _private_aks(network))]
    return tuple(found)


def private_names(network: Network) -> tuple[str, ...]:
    """Names that must lead to private addresses with private link; open ones (`<…>`) are left in."""
    names = NAMES[cloud_of(network.region)]
    hosts = [f"<workspace-id>.workspace.<region>.{names.api}"]
    hosts += [f"<storage>.{kind}.{names.storage}" for kind in ("blob", "file", "queue", "table")]
    return tuple(filled(host, network) for host in [*hosts, f"<registry>.{names.registry}"])


def _always(network: Network) -> Iterator[Item]:
    cloud = cloud_of(network.region)
    if network.kind is ClusterKind.ARC:
        yield Item("region", f"Azure Arc-enabled Kubernetes must be offered in {network.region}.")
    else:
        what = "With authorised IP ranges, add those of AzureMachineLearning in this region and in its paired one."
        yield Item("API server", what, "az aks update --api-server-authorized-ip-ranges …")
        if cloud is not Cloud.PUBLIC:
            yield Item("trusted access", "Not offered in this cloud: local accounts must stay enabled.")


def _proxy(network: Network, proxy: str) -> Iterator[Item]:
    if network.kind is ClusterKind.AKS:
        what = "The extension has no setting for a proxy: AKS' own HTTP proxy feature sets it for nodes and pods."
        yield Item("proxy", what, "az aks create --http-proxy-config FILE")
    else:
        what = "The proxy is given when the cluster is connected; the extension has no setting for it."
        skipped = "127.0.0.1,localhost,kubernetes.default.svc,.svc.cluster.local,.svc,<service CIDR>,<pod CIDR>"
        how = f"az connectedk8s connect --proxy-http {proxy} --proxy-https {proxy} --proxy-skip-range {skipped}"
        yield Item("proxy", what, how)
        yield Item("proxy", "A proxy that breaks TLS open needs its certificate in the cluster.", "--proxy-cert FILE")
    yield Item("proxy", "127.0.0.1 and localhost must be skipped: else jobs fail with code 137.")
    if network.kind is ClusterKind.ARC:
        names = NAMES[cloud_of(network.region)]
        yield Item("proxy", f"The proxy must let WebSockets to *.{names.relay} through.")
    yield Item("proxy", "Private endpoints are reached past the proxy: add their address ranges to the skipped ones.")


def _private(network: Network) -> Iterator[Item]:
    where = "in the virtual network that the cluster reaches"
    yield Item("private endpoints", f"Workspace, storage (blob, file, queue, table), key vault and registry, {where}.")
    for host in private_names(network):
        yield Item("DNS", f"{host} must lead to a private address, seen from the cluster.", f"nslookup {host}")
    yield Item("DNS", "Private DNS zones are linked to that network; a DNS server of one's own forwards to them.")
    yield Item("registry", "Premium SKU, with the exception for trusted Microsoft services.")
    yield Item("registry", "The admin user is enabled, or the compute's identity has AcrPull.")
    how = "az ml workspace update --image-build-compute NAME"
    yield Item("registry", "Without public access, images are built on a compute cluster.", how)
    yield Item(
        "storage", "`Allow Azure services on the trusted services list` is on; other accounts need endpoints too."
    )
    yield Item("workspace", "A system-assigned identity: storage behind private endpoints trusts that one alone.")


def _private_aks(network: Network) -> Iterator[Item]:
    yield Item("AKS", f"In the region of the workspace ({network.region}), and in the same or a peered network.")
    yield Item("AKS", "No private cluster with a public FQDN, unless by trusted access.")
    yield Item("AKS", "After a stop and start: make its private endpoint anew, then attach the computes again.")


def _private_arc() -> Iterator[Item]:
    yield Item("way to Azure", "ExpressRoute or a site-to-site VPN joins the site to that virtual network.")
    yield Item("Arc", "A private link scope for Azure Arc, with its private endpoint (preview; not in Southeast Asia).")
    yield Item(
        "Arc", "Cluster, scope and virtual network are in one region; one scope per virtual network and cluster."
    )
    yield Item("Arc", "Cluster connect and custom locations are not offered with private link.")
    what = "The firewall still lets Entra ID, Resource Manager, container registry and front door out: 443."
    yield Item(
        "Arc", what, "AzureActiveDirectory, AzureResourceManager, MicrosoftContainerRegistry, AzureFrontDoor.FirstParty"
    )
    yield Item("Arc", "Arc is used to install and upgrade the extension, not while jobs run.")
    what = "Azure Relay is made by itself; one of your own is given by settings, and must not be bound to selected networks."
    yield Item("relay", what, "relayserver.hybridConnectionResourceID, relayServerConnectionString")
