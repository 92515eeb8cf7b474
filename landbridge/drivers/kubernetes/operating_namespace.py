"""A team's namespace as objects of the cluster: what bounds it, and who may work in it. Pure; golden files show them.

Several teams share a cluster: each has a namespace, an account that reaches no other, a quota, and a network that lets in
and out only what is named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from landbridge.drivers.kubernetes.cluster import Kind
from landbridge.drivers.kubernetes.operating_network import Network, policies
from landbridge.drivers.kubernetes.operating_rights import RBAC, SEE_GATEWAY, SEE_NODES, Right, rules
from landbridge.drivers.kubernetes.pod_template import DEFAULT, MANAGED_BY, OURS, PREFIX

Object = dict[str, Any]

TARGETS = f"{PREFIX}targets"
POD_SECURITY = "pod-security.kubernetes.io"
MIB = 1 << 20
# What is counted even when nobody said how much the namespace may take: a loop must not fill the cluster's database.
COUNTS = {"pods": "500", "count/jobs.batch": "2000", "count/configmaps": "2000", "count/secrets": "2000"}

KINDS: Mapping[str, Kind] = {
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "ResourceQuota": Kind("v1", "resourcequotas"),
    "LimitRange": Kind("v1", "limitranges"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "Role": Kind(f"{RBAC}/v1", "roles"),
    "RoleBinding": Kind(f"{RBAC}/v1", "rolebindings"),
    "ClusterRole": Kind(f"{RBAC}/v1", "clusterroles", namespaced=False),
    "ClusterRoleBinding": Kind(f"{RBAC}/v1", "clusterrolebindings", namespaced=False),
}


@dataclass(frozen=True, slots=True)
class Order:
    """What the namespace is to be.

    Attributes:
        targets: of the inventory, that share it.
        quota: `hard`, complete.
        gateway: namespace and name; ("", "") = none.
        see_nodes: see `operating_options`.
    """

    namespace: str
    targets: tuple[str, ...]
    pod_security: str
    quota: Mapping[str, str]
    network: Network
    account: str
    rights: tuple[Right, ...]
    gateway: tuple[str, str] = ("", "")
    see_nodes: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


def objects(order: Order) -> list[Object]:
    """Every object, in the order in which they are made: bounds first, so that nothing starts without them."""
    return [
        _namespace(order),
        _named(order, "ResourceQuota", OURS, {"spec": {"hard": dict(sorted(order.quota.items()))}}),
        _named(order, "LimitRange", OURS, {"spec": {"limits": [_container_limits()]}}),
        *(_named(order, "NetworkPolicy", name, {"spec": spec}) for name, spec in policies(order.network)),
        _named(order, "ServiceAccount", order.account, {"automountServiceAccountToken": False}),
        _named(order, "Role", OURS, {"rules": rules(order.rights)}),
        _binding(order, "RoleBinding", OURS, {"kind": "Role", "name": OURS}),
        *_gateway_reader(order),
        *_node_reader(order),
    ]


def _namespace(order: Order) -> Object:
    """Warnings and the audit name what `restricted` would refuse, whatever is enforced."""
    levels = {"enforce": order.pod_security, "warn": "restricted", "audit": "restricted"}
    made = _named(order, "Namespace", order.namespace, {})
    del made["metadata"]["namespace"]
    made["metadata"]["labels"] |= {f"{POD_SECURITY}/{mode}": level for mode, level in levels.items()}
    made["metadata"]["annotations"] = {TARGETS: ",".join(sorted(order.targets))}
    return made


def _container_limits() -> Object:
    """For containers that say nothing: what Azure ML gives them. No bound on CPU, since idle cores may be used."""
    requests, limits = DEFAULT.requests, DEFAULT.limits
    return {
        "type": "Container",
        "defaultRequest": {"cpu": f"{requests.cpu_millicores}m", "memory": f"{requests.memory_bytes // MIB}Mi"},
        "default": {"memory": f"{limits.memory_bytes // MIB}Mi"},
    }


def _gateway_reader(order: Order) -> list[Object]:
    """One Gateway stands in somebody else's namespace, and is read by name only."""
    space, name = order.gateway
    if not name:
        return []
    rule = {**rules([SEE_GATEWAY])[0], "resourceNames": [name]}
    called = f"{OURS}-{order.namespace}"
    role = _named(order, "Role", called, {"rules": [rule]})
    binding = _binding(order, "RoleBinding", called, {"kind": "Role", "name": called})
    for made in (role, binding):
        made["metadata"]["namespace"] = space
    return [role, binding]


def _node_reader(order: Order) -> list[Object]:
    if not order.see_nodes:
        return []
    role = _named(order, "ClusterRole", f"{OURS}-see-nodes", {"rules": rules(SEE_NODES)})
    bound = _binding(
        order,
        "ClusterRoleBinding",
        f"{OURS}-see-nodes-{order.namespace}",
        {"kind": "ClusterRole", "name": f"{OURS}-see-nodes"},
    )
    for made in (role, bound):
        del made["metadata"]["namespace"]
    return [role, bound]


def _binding(order: Order, kind: str, name: str, role: Object) -> Object:
    subject = {"kind": "ServiceAccount", "name": order.account, "namespace": order.namespace}
    return _named(order, kind, name, {"roleRef": {"apiGroup": RBAC, **role}, "subjects": [subject]})


def _named(order: Order, kind: str, name: str, more: Object) -> Object:
    labels = {MANAGED_BY: OURS, **order.labels}
    metadata = {"name": name, "namespace": order.namespace, "labels": labels}
    return {"apiVersion": KINDS[kind].api, "kind": kind, "metadata": metadata, **more}
