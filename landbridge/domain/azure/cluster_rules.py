"""Whether a cluster may carry Azure Machine Learning: one row per rule, with what mends it. Pure.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension, …/reference-kubernetes,
…/how-to-attach-kubernetes-to-workspace, …/how-to-secure-kubernetes-inferencing-environment.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence

from landbridge.domain.azure.clusters import TRUSTED_ROLE, Aks, Arc, Pool, Proxy, Surroundings
from landbridge.domain.azure.extension import HA_NODES
from landbridge.domain.operating import Diagnosis, Verdict

WINDOW = 3  # minor versions: the newest that is generally available, and the two before it
CPUS, MEMORY_MB = 4, 14 * 1024
NAMES = 5  # of address ranges in a message
OURS = "ml.azure.com/"  # the only taints that Azure ML's pods tolerate
LOOPBACK = ("127.0.0.1", "localhost")
OPENSHIFT = "openshift"
_TRUST = (
    f"Let the workspace in by Trusted Access: attach it, which makes the role binding {TRUSTED_ROLE}; "
    "computes from before do not work and must be attached again."
)


def judge(cluster: Aks | Arc, around: Surroundings) -> Iterator[Diagnosis]:
    """Every rule, in the order in which one would mend them."""
    yield _place(cluster, around)
    yield _version(cluster.version, around.offered)
    if isinstance(cluster, Aks):
        yield from _aks(cluster, around)
    else:
        yield from _arc(cluster, around)
    yield _provider(around)
    yield _workspace_identity(cluster, around)


def pools_for_work(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """Pools whose nodes take pods of Azure ML."""
    return tuple(pool for pool in pools if pool.is_linux and pool.is_running and not _foreign_taints(pool))


def nodes_for_work(cluster: Aks | Arc) -> int:
    """How many nodes the extension and its workloads may use, as far as ARM tells."""
    return cluster.nodes if isinstance(cluster, Arc) else sum(pool.count for pool in pools_for_work(cluster.pools))


def minors(offered: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """The supported minor versions, newest first."""
    found = sorted({minor for text in offered if (minor := minor_of(text))}, reverse=True)
    return tuple(found[:WINDOW])


def minor_of(version: str) -> tuple[int, int] | None:
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def outside(ranges: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Which of `ranges` no network of `allowed` contains. IPv6 is left out: an API server's list takes IPv4 alone."""
    networks = [ipaddress.ip_network(text, strict=False) for text in allowed]
    kept = [one for one in networks if isinstance(one, ipaddress.IPv4Network)]
    asked = [(text, ipaddress.ip_network(text, strict=False)) for text in ranges]
    return tuple(
        text
        for text, one in asked
        if isinstance(one, ipaddress.IPv4Network) and not any(one.subnet_of(network) for network in kept)
    )


def _aks(cluster: Aks, around: Surroundings) -> Iterator[Diagnosis]:
    running = cluster.power == "Running" and cluster.state == "Succeeded"
    why = f"{cluster.power or 'unknown'}, last operation {cluster.state or 'unknown'}"
    start = f"Start it (`az aks start`), and end what is being done to it; then check again: {cluster.at.name}."
    yield _row("running", running, why, start)
    yield _managed_identity(cluster)
    yield _pod_identity(cluster)
    yield _local_accounts(cluster, around)
    yield _ranges(cluster, around)
    yield _private(cluster, around)
    yield _sizes(cluster.pools)
    yield _count(nodes_for_work(cluster))
    yield _autoscaler(cluster.pools)
    yield _proxy(cluster.proxy)
    yield _legacy(around)


def _arc(cluster: Arc, around: Surroundings) -> Iterator[Diagnosis]:
    connected = cluster.connectivity == "Connected" and cluster.state == "Succeeded"
    why = (
        f"{cluster.connectivity or 'unknown'}, last heard of {cluster.seen or 'never'}, "
        f"last operation {cluster.state or 'unknown'}"
    )
    remedy = (
        "Look at the pods of namespace azure-arc and at the ways out (`landbridge ops network plan --cluster arc`); then "
        "reconnect."
    )
    yield _row("connected", connected, why, remedy)
    yield _arc_identity(cluster, around)
    yield _arc_sizes(cluster)
    yield _count(cluster.nodes)
    yield _arc_private_link(cluster, around)
    remedy = (
        "Look whether it was connected with one (`helm get values azure-arc -n azure-arc-release`): 127.0.0.1 and localhost "
        "belong into --proxy-skip-range, else jobs end with 137."
    )
    yield Diagnosis("proxy", Verdict.UNSEEN, "Azure does not tell the proxy of a connected cluster", remedy)
    yield _distribution(cluster)


def _row(name: str, passed: bool, why: str, remedy: str) -> Diagnosis:
    return Diagnosis(name, Verdict.PASS, why) if passed else Diagnosis(name, Verdict.FAIL, why, remedy)


def _place(cluster: Aks | Arc, around: Surroundings) -> Diagnosis:
    """One subscription with the workspace; with private endpoints, one region too."""
    if cluster.at.subscription_id.lower() != around.subscription_id.lower():
        why = f"it is in subscription {cluster.at.subscription_id}, the workspace in {around.subscription_id}"
        remedy = "Connect it to Azure Arc, with the Arc resource in the workspace's subscription."
        return Diagnosis("subscription", Verdict.FAIL, why, remedy)
    if isinstance(cluster, Aks) and around.is_private and cluster.region != around.region:
        why = f"it is in {cluster.region}, the workspace, which has private endpoints, in {around.region}"
        return Diagnosis("subscription", Verdict.FAIL, why, "Take a cluster in the workspace's region.")
    return Diagnosis("subscription", Verdict.PASS, f"that of the workspace; region {cluster.region}")


def _version(version: str, offered: Sequence[str]) -> Diagnosis:
    window, mine = minors(offered), minor_of(version)
    if not window or mine is None:
        why = f"Kubernetes {version or 'unknown'}; AKS does not tell here what it offers"
        return Diagnosis(
            "version", Verdict.UNSEEN, why, "Compare with `az aks get-versions`: the newest three are supported."
        )
    names = ", ".join(f"{major}.{minor}" for major, minor in window)
    if mine < window[-1]:
        return Diagnosis(
            "version",
            Verdict.FAIL,
            f"Kubernetes {version}; supported are {names}",
            "Upgrade the cluster and its nodes.",
        )
    if mine > window[0]:
        remedy = "Wait for the next release of the extension, or use a version that AKS offers without preview."
        return Diagnosis("version", Verdict.FAIL, f"Kubernetes {version}, newer than supported: {names}", remedy)
    return Diagnosis("version", Verdict.PASS, f"Kubernetes {version}; supported are {names}")


def _managed_identity(cluster: Aks) -> Diagnosis:
    why = f"identity {cluster.identity or 'none'}" + (", a service principal" if cluster.has_service_principal else "")
    remedy = (
        "Run `az aks update --enable-managed-identity`, then delete and recreate ALL node pools: Azure ML takes no service "
        "principal, and pools from before keep it."
    )
    return _row("managed identity", bool(cluster.identity) and not cluster.has_service_principal, why, remedy)


def _pod_identity(cluster: Aks) -> Diagnosis:
    why = "Microsoft Entra pod identity is on" if cluster.pod_identity else "Microsoft Entra pod identity is off"
    remedy = "Switch it off (`az aks update --disable-pod-identity`); workload identity is supported."
    return _row("pod identity", not cluster.pod_identity, why, remedy)


def _local_accounts(cluster: Aks, around: Surroundings) -> Diagnosis:
    if cluster.local_accounts or cluster.trusts:
        trust = "" if cluster.local_accounts else ", and Trusted Access lets the workspace in"
        return Diagnosis("local accounts", Verdict.PASS, ("on" if cluster.local_accounts else "off") + trust)
    remedy = "Switch them on (`az aks update --enable-local-accounts`)."
    if around.trusted_access:
        remedy = f"{remedy[:-1]}, or: {_TRUST}"
    return Diagnosis("local accounts", Verdict.FAIL, "off, and the workspace has no Trusted Access", remedy)


def _ranges(cluster: Aks, around: Surroundings) -> Diagnosis:
    name = "authorised IP ranges"
    if not cluster.ranges:
        return Diagnosis(name, Verdict.PASS, "none: any address may reach the API server")
    if cluster.trusts:
        return Diagnosis(name, Verdict.PASS, f"{len(cluster.ranges)}, and Trusted Access lets the workspace in")
    if not around.service_ranges:
        remedy = "Compare with the service tag AzureMachineLearning of the region and its pair (`az network list-service-tags`)."
        return Diagnosis(name, Verdict.UNSEEN, f"{len(cluster.ranges)}; this account may not read Azure's own", remedy)
    missing = outside(around.service_ranges, cluster.ranges)
    if not missing:
        return Diagnosis(name, Verdict.PASS, f"{len(cluster.ranges)}, all of Azure Machine Learning's among them")
    shown = ", ".join(missing[:NAMES]) + (f" and {len(missing) - NAMES} more" if len(missing) > NAMES else "")
    remedy = f"Add them (`az aks update --api-server-authorized-ip-ranges`): {shown}."
    if around.trusted_access:
        remedy += f" Or: {_TRUST}"
    return Diagnosis(name, Verdict.FAIL, f"{len(missing)} ranges of Azure Machine Learning are not among them", remedy)


def _private(cluster: Aks, around: Surroundings) -> Diagnosis:
    if cluster.is_private and cluster.has_public_name and not cluster.trusts:
        remedy = "Take the public name away (`az aks update --disable-public-fqdn`)."
        if around.trusted_access:
            remedy = f"{remedy[:-1]}, or: {_TRUST}"
        return Diagnosis("private link", Verdict.FAIL, "a private API server with a public name", remedy)
    if around.is_private and not cluster.is_private:
        remedy = (
            "Use a private cluster, or give the workspace public access: behind a public API server it is not private."
        )
        return Diagnosis("private link", Verdict.FAIL, "the workspace is private, the API server is public", remedy)
    return Diagnosis("private link", Verdict.PASS, f"API server {'private' if cluster.is_private else 'public'}")


def _sizes(pools: Sequence[Pool]) -> Diagnosis:
    """One pool that is large enough is enough; those that are not are named."""
    usable = pools_for_work(pools)
    large = [pool for pool in usable if pool.count and pool.cpus >= CPUS and pool.memory_mb >= MEMORY_MB]
    unknown = [pool for pool in usable if not pool.cpus]
    said = "; ".join(_pool_words(pool) for pool in pools) or "no node pools"
    if large:
        return Diagnosis("node sizes", Verdict.PASS, said)
    remedy = (
        f"Add a Linux pool with nodes of at least {CPUS} vCPU and {MEMORY_MB // 1024} GiB, such as Standard_DS3_v2, without "
        "foreign taints."
    )
    return Diagnosis("node sizes", Verdict.UNSEEN if unknown else Verdict.FAIL, said, remedy)


def _pool_words(pool: Pool) -> str:
    size = f"{pool.cpus} vCPU, {pool.memory_mb / 1024:g} GiB" if pool.cpus else "size not told"
    words = [f"{pool.name}: {pool.count} of {pool.size} ({size})"]
    words += [] if pool.is_linux else ["Windows"]
    words += [] if pool.is_running else ["stopped"]
    words += [f"taint {taint}" for taint in _foreign_taints(pool)]
    return ", ".join(words)


def _foreign_taints(pool: Pool) -> tuple[str, ...]:
    """Those that keep pods of Azure ML off: all but its own and those that only prefer."""
    return tuple(
        taint for taint in pool.taints if not taint.startswith(OURS) and not taint.endswith(":PreferNoSchedule")
    )


def _count(nodes: int) -> Diagnosis:
    if nodes >= HA_NODES:
        return Diagnosis("nodes", Verdict.PASS, f"{nodes}: enough for the router's three replicas")
    if nodes:
        return Diagnosis("nodes", Verdict.PASS, f"{nodes}: inferenceRouterHA must be false (it needs {HA_NODES})")
    return Diagnosis("nodes", Verdict.FAIL, "no node takes pods of Azure ML", "Add nodes without foreign taints.")


def _autoscaler(pools: Sequence[Pool]) -> Diagnosis:
    names = ", ".join(pool.name for pool in pools if pool.scales)
    why = f"on for {names}: endpoints profit, training jobs wait for nodes that are there" if names else "off"
    return Diagnosis("autoscaler", Verdict.PASS, why)


def _proxy(proxy: Proxy | None) -> Diagnosis:
    if proxy is None:
        return Diagnosis("proxy", Verdict.PASS, "none")
    missing = [host for host in LOOPBACK if host not in proxy.skipped]
    why = f"{proxy.address}, not used for {', '.join(proxy.skipped) or 'nothing'}"
    remedy = f"Add {' and '.join(missing)} to its noProxy list: jobs end with 137 without it."
    return _row("proxy", not missing, why, remedy)


def _legacy(around: Surroundings) -> Diagnosis:
    names = ", ".join(around.legacy)
    remedy = (
        "Detach it, and delete what is left of azureml-fe in namespace default; `landbridge ops migrate akscompute` writes what "
        "comes after it, `landbridge ops explain E45005` lists what to delete."
    )
    return _row("AksCompute", not around.legacy, f"attached as AksCompute {names}" if names else "none here", remedy)


def _provider(around: Surroundings) -> Diagnosis:
    name = "resource provider"
    if not around.registered:
        remedy = "Look with `az provider show -n Microsoft.KubernetesConfiguration`."
        return Diagnosis(name, Verdict.UNSEEN, "this account may not read it", remedy)
    why = f"Microsoft.KubernetesConfiguration is {around.registered}"
    remedy = "Run `az provider register --namespace Microsoft.KubernetesConfiguration`."
    return _row(name, around.registered == "Registered", why, remedy)


def _workspace_identity(cluster: Aks | Arc, around: Surroundings) -> Diagnosis:
    """Roles of a user-assigned identity are its owner's to give; a system-assigned one gets them from Azure."""
    if "systemassigned" in around.identity.lower().replace(" ", ""):
        return Diagnosis("workspace identity", Verdict.PASS, f"{around.identity}: Azure gives it what attaching needs")
    relay = "" if isinstance(cluster, Aks) else "Azure Relay Owner on the relay; "
    remedy = (
        f"See that it has, before attaching: {relay}Reader, Kubernetes Extension Contributor and Azure Kubernetes Service "
        "Cluster Admin on the cluster."
    )
    why = f"{around.identity or 'none'}: its roles on the cluster are not told here"
    return Diagnosis("workspace identity", Verdict.UNSEEN, why, remedy)


def _arc_identity(cluster: Arc, around: Surroundings) -> Diagnosis:
    ends = cluster.identity_ends
    if not cluster.identity:
        return Diagnosis(
            "managed identity", Verdict.FAIL, "none", "Connect the cluster again (`az connectedk8s connect`)."
        )
    if ends is not None and around.now >= ends:
        remedy = "Connect the cluster again: agents that were away for 90 days cannot renew it."
        return Diagnosis("managed identity", Verdict.FAIL, f"{cluster.identity}, its certificate has ended", remedy)
    return Diagnosis("managed identity", Verdict.PASS, cluster.identity)


def _arc_sizes(cluster: Arc) -> Diagnosis:
    each = cluster.cores / cluster.nodes if cluster.nodes else 0
    why = f"{cluster.nodes} nodes with {cluster.cores} cores together; memory is not told"
    if each < CPUS:
        remedy = f"Add nodes of at least {CPUS} vCPU and {MEMORY_MB // 1024} GiB."
        return Diagnosis("node sizes", Verdict.FAIL, why, remedy)
    remedy = f"See that nodes have {MEMORY_MB // 1024} GiB (`kubectl get nodes -o wide`, or `landbridge ops doctor`)."
    return Diagnosis("node sizes", Verdict.UNSEEN, why, remedy)


def _arc_private_link(cluster: Arc, around: Surroundings) -> Diagnosis:
    if cluster.private_link and not cluster.private_link_scope:
        remedy = "Name the scope (`az connectedk8s connect --private-link-scope-resource-id`)."
        return Diagnosis("private link", Verdict.FAIL, "on, but without an Arc private link scope", remedy)
    said = f"on, scope {cluster.private_link_scope.rsplit('/', 1)[-1]}" if cluster.private_link else "off"
    note = (
        "; the workspace is private: its names must resolve to private addresses on-premises"
        if around.is_private
        else ""
    )
    return Diagnosis("private link", Verdict.PASS, said + note)


def _distribution(cluster: Arc) -> Diagnosis:
    if cluster.distribution.lower() != OPENSHIFT:
        return Diagnosis("distribution", Verdict.PASS, cluster.distribution or "not told")
    remedy = (
        "Add the service accounts of the extension to the privileged SCC, and disable SELinux on workers for v1 datasets: "
        "https://learn.microsoft.com/azure/machine-learning/reference-kubernetes"
    )
    return Diagnosis("distribution", Verdict.UNSEEN, "OpenShift: what it allows the extension is not told here", remedy)
