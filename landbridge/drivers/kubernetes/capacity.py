"""What a cluster has and what is free, node by node: allocatable minus what its pods ask for, within the namespace's quota.

One deadline for all of it; a cluster that does not answer in time is an answer too.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.errors import AuthError, LandbridgeError
from landbridge.domain.inventory import Target
from landbridge.domain.quantities import GPU, quantity, resources
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.cluster import (
    NAMESPACES,
    NODES,
    PODS,
    QUOTAS,
    Cluster,
    Object,
    Request,
    everywhere,
)
from landbridge.drivers.kubernetes.quantities import pod_requests

Answer = TypeVar("Answer")

DEADLINE_SECONDS = 5.0
MAINTENANCE = "landbridge.io/maintenance"  # annotation of a node: why nothing new may start on it
ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"
NO_LIMIT = 1 << 62
QUOTA_NAMES = (("cpu", "requests.cpu"), ("memory", "requests.memory"), (GPU, f"requests.{GPU}"))


def measure(connect: Callable[[], Cluster], target: Target, seconds: float = DEADLINE_SECONDS) -> Capacity:
    """Ask the cluster, in parallel. Never raises: what goes wrong is in `detail`."""
    pool = ThreadPoolExecutor(4)
    try:
        cluster = connect()
        home = pool.submit(_has_namespace, cluster)
        asked = [pool.submit(ask, cluster, seconds) for ask in (_nodes, _pods, _quotas)]
        nodes, pods, quotas = (item.result(timeout=seconds + 1) for item in asked)
        has_namespace = home.result(timeout=seconds + 1)
    except LandbridgeError as error:
        return Capacity(reachable=False, detail=str(error))
    except TimeoutError:
        return Capacity(reachable=False, detail=f"The cluster did not answer within {seconds:g} s.")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if not has_namespace:
        return Capacity(reachable=False, detail=f"There is no namespace {cluster.namespace!r}.")
    if nodes is None or pods is None or quotas is None:
        return _declared(target, [] if pods is None else pods)
    return Capacity(within(node_capacities(nodes, pods), quota_left(quotas)))


def node_capacities(nodes: Sequence[Object], pods: Sequence[Object]) -> tuple[NodeCapacity, ...]:
    """Each node with what its pods leave. One that is not ready, cordoned or in maintenance takes nothing new."""
    used: dict[str, Resources] = {}
    for pod in pods:
        name = str(pod["spec"].get("nodeName") or "")
        used[name] = used.get(name, Resources()) + pod_requests(pod)
    return tuple(
        NodeCapacity(name, total := total_of(node), total - used.get(name, Resources()), is_closed(node))
        for node in nodes
        if (name := str(node["metadata"]["name"]))
    )


def total_of(node: Object) -> Resources:
    return resources((node.get("status") or {}).get("allocatable"))


def is_closed(node: Object) -> bool:
    """Whether nothing new may start on it."""
    if (node.get("spec") or {}).get("unschedulable") or MAINTENANCE in (node["metadata"].get("annotations") or {}):
        return True
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") != "True" for item in conditions)


def quota_left(quotas: Sequence[Object]) -> Resources:
    """What all quotas of the namespace leave together; what none names has no limit."""
    left = {name: NO_LIMIT for name, _ in QUOTA_NAMES}
    for quota in quotas:
        status: Mapping[str, Any] = quota.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for name, longer in QUOTA_NAMES:
            for key in (name, longer):
                if key in hard:
                    rest = quantity(hard[key]) - quantity(used.get(key, 0))
                    left[name] = min(left[name], int(rest * 1000) if name == "cpu" else int(rest))
    return Resources(left["cpu"], left["memory"], left[GPU])


def within(nodes: tuple[NodeCapacity, ...], left: Resources) -> tuple[NodeCapacity, ...]:
    """No node has more to give than the quota leaves."""
    return tuple(
        replace(
            node,
            free=Resources(
                min(node.free.cpu_millicores, left.cpu_millicores),
                min(node.free.memory_bytes, left.memory_bytes),
                min(node.free.gpus, left.gpus),
            ),
        )
        for node in nodes
    )


def _nodes(cluster: Cluster, seconds: float) -> list[Object] | None:
    """None: this account may not see nodes."""
    return allowed(lambda: cluster.items(NODES, seconds=seconds))


def _pods(cluster: Cluster, seconds: float) -> list[Object] | None:
    """Those of the whole cluster, else of our namespace."""
    query = {"fieldSelector": ACTIVE, "limit": "500"}
    request = Request("GET", everywhere(PODS), "listing pods", query=query, seconds=seconds)
    found = allowed(lambda: cluster.pages(request))
    return found if found is not None else allowed(lambda: cluster.items(PODS, fields=ACTIVE, seconds=seconds))


def _quotas(cluster: Cluster, seconds: float) -> list[Object]:
    return allowed(lambda: cluster.items(QUOTAS, seconds=seconds)) or []


def _has_namespace(cluster: Cluster) -> bool:
    """Lists of what would be in it are empty when it is not there, too. An account that may not ask is believed."""
    return allowed(lambda: cluster.find(NAMESPACES, cluster.namespace) is not None) is not False


def allowed(ask: Callable[[], Answer]) -> Answer | None:
    """What `ask` returns; None: this account may not ask."""
    try:
        return ask()
    except AuthError as error:
        if getattr(error.__cause__, "status", 0) != 403:
            raise
        return None


def _declared(target: Target, pods: Sequence[Object]) -> Capacity:
    """An account with rights in its namespace only: the size that the inventory declares, less what runs there."""
    used = sum((pod_requests(pod) for pod in pods), Resources())
    detail = "This account may not list nodes; counted is the capacity that the inventory declares."
    return Capacity((NodeCapacity(target.name, target.capacity, target.capacity - used),), detail=detail)
