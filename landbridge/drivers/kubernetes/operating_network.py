"""What pods of a namespace may reach and who may reach them: everything is refused that is not named. Pure.

A NetworkPolicy knows addresses, not names, and works only where the cluster's network plugin enforces it; `landbridge ops
doctor` tries it out. Images are pulled by the nodes, which no policy of a namespace bounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from landbridge.drivers.kubernetes.pod_template import OURS

Object = dict[str, Any]

NAME_LABEL = "kubernetes.io/metadata.name"
NODE_LOCAL_DNS = "169.254.20.10/32"
DNS_PORTS = (53, 5353)  # a policy sees the port of the DNS pod; OpenShift's is the latter


@dataclass(frozen=True, slots=True)
class Passage:
    """A declared way out: what it is for, its addresses as CIDR blocks, the ports (none = all).

    `namespace` stands in for addresses where a Service of the cluster itself is meant, whose ports may be others inside.
    """

    name: str
    blocks: tuple[str, ...]
    ports: tuple[int, ...] = ()
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """The exceptions.

    Attributes:
        out: ways out.
        gateway: namespace and name of the Gateway that leads to our pods; ("", "") = none.
        callers: further namespaces whose pods may call ours.
        api_servers: their addresses; they carry what we ask pods through the API server.
    """

    out: tuple[Passage, ...] = ()
    gateway: tuple[str, str] = ("", "")
    callers: tuple[str, ...] = ()
    dns_namespace: str = "kube-system"
    api_servers: tuple[str, ...] = ()


def policies(network: Network) -> Iterator[tuple[str, Object]]:
    """Name → spec. They add up: the first refuses everything, each further one allows something."""
    everything: Object = {"podSelector": {}}
    yield f"{OURS}-deny-all", {**everything, "policyTypes": ["Ingress", "Egress"]}
    here: list[Object] = [{"podSelector": {}}]
    yield (
        f"{OURS}-inside",
        {
            **everything,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": here}],
            "egress": [{"to": here}],
        },
    )
    dns = [_space(network.dns_namespace), {"ipBlock": {"cidr": NODE_LOCAL_DNS}}]
    ports = [{"protocol": protocol, "port": port} for protocol in ("UDP", "TCP") for port in DNS_PORTS]
    yield f"{OURS}-dns", {**everything, "policyTypes": ["Egress"], "egress": [{"to": dns, "ports": ports}]}
    if network.out:
        rules = [_out(passage) for passage in network.out]
        yield f"{OURS}-out", {**everything, "policyTypes": ["Egress"], "egress": rules}
    callers = list(_callers(network))
    yield f"{OURS}-in", {**everything, "policyTypes": ["Ingress"], "ingress": [{"from": callers}]}


def block(address: str) -> str:
    """An address or a CIDR block as a CIDR block. Raises ValueError for a name."""
    return str(ip_network(address, strict=False))


def _callers(network: Network) -> Iterator[Object]:
    """Gateway, API server, and whoever the inventory names. A managed cluster's API server comes through pods of kube-system.

    By namespaces only: any team may give its pods the labels of a gateway's.
    """
    own = (network.gateway[0],) if network.gateway[1] else ()
    for caller in dict.fromkeys((*own, *network.callers, "kube-system")):
        yield _space(caller)
    for address in network.api_servers:
        yield {"ipBlock": {"cidr": block(address)}}


def _out(passage: Passage) -> Object:
    if passage.namespace:
        return {"to": [_space(passage.namespace)]}
    rule: Object = {"to": [{"ipBlock": {"cidr": item}} for item in passage.blocks]}
    if passage.ports:
        rule["ports"] = [{"protocol": "TCP", "port": port} for port in passage.ports]
    return rule


def _space(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {NAME_LABEL: name}}}
