"""`operations` among a target's options: what IT operations make of the namespace. Checked whole, asks nobody."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.names import is_legal_label
from landbridge.domain.nearest import nearest
from landbridge.domain.quantities import quantity

LEVELS = ("restricted", "baseline")  # Azure ML's own extension asks for baseline; ours passes restricted
ACCOUNT = "landbridge"
PUBLIC_PROBE = "1.1.1.1:443"


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of the namespace: a host name, an address or a CIDR block, and the ports there (none = all)."""

    to: str
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatingOptions:
    """What an inventory may say under `operations`.

    Attributes:
        pod_security: level of the Pod Security Standard that the namespace enforces.
        quota: `hard` of the namespace's ResourceQuota in Kubernetes' words, over what the target's capacity gives.
        egress: ways out besides those that the inventory implies (object store, registry, proxy, endpoints).
        ingress_namespaces: namespaces whose pods may call ours besides the Gateway's, such as that of its proxies.
        dns_namespace: where the cluster's DNS runs.
        see_nodes: let the orchestrator list nodes and all pods, so that placement measures what is free per node.
        account: the orchestrator's ServiceAccount.
        public_probe: host:port that must not answer from inside a private site; a handshake and nothing more.
    """

    pod_security: str = LEVELS[0]
    quota: Mapping[str, str] = field(default_factory=dict)
    egress: tuple[Way, ...] = ()
    ingress_namespaces: tuple[str, ...] = ()
    dns_namespace: str = "kube-system"
    see_nodes: bool = False
    account: str = ACCOUNT
    public_probe: str = PUBLIC_PROBE


KNOWN = tuple(item.name for item in fields(OperatingOptions))


def read_operating(target: Target, inventory: Inventory) -> OperatingOptions:
    """Read `operations` of a target.

    Raises:
        InputError: a key is unknown or of the wrong kind.
    """
    given = target.options.get("operations")
    said: Mapping[str, Any] = given if isinstance(given, dict) else {}
    for key, message, hint in _problems(said):
        raise InputError(f"targets.{target.name}.options.operations.{key}: {message}", hint, inventory.path)
    values = dict(said)
    values["quota"] = {key: str(value) for key, value in (said.get("quota") or {}).items()}
    values["egress"] = tuple(Way(str(item["to"]), tuple(item.get("ports") or ())) for item in said.get("egress") or ())
    values["ingress_namespaces"] = tuple(said.get("ingress_namespaces") or ())
    return OperatingOptions(**values)


def _problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key in said:
        if key not in KNOWN:
            hint = f"Remove it, or name one of: {', '.join(KNOWN)}."
            yield key, f"there is no {key!r}{nearest(key, KNOWN)}.", hint
    yield from _word_problems(said)
    yield from _quota_problems(said.get("quota", {}))
    yield from _way_problems(said.get("egress", []))
    names = said.get("ingress_namespaces", [])
    if not isinstance(names, list) or not all(is_legal_label(str(name)) for name in names):
        hint = "Write a list, such as [envoy-gateway-system]."
        yield "ingress_namespaces", f"{names!r} is no list of namespaces.", hint


def _word_problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    level = said.get("pod_security", LEVELS[0])
    if level not in LEVELS:
        yield (
            "pod_security",
            f"there is no level {level!r}{nearest(str(level), LEVELS)}.",
            f"Write {' or '.join(LEVELS)}.",
        )
    for key in ("dns_namespace", "account"):
        if key in said and not is_legal_label(str(said[key])):
            yield key, f"{said[key]!r} is no legal name.", "Use a–z, 0–9 and inner dashes."
    if not isinstance(said.get("see_nodes", False), bool):
        yield "see_nodes", f"{said['see_nodes']!r} is neither true nor false.", "Write true or false."
    if not _is_host_port(str(said.get("public_probe", PUBLIC_PROBE))):
        yield "public_probe", f"{said['public_probe']!r} is no host:port.", f"Write it as {PUBLIC_PROBE}."


def _quota_problems(quota: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(quota, dict):
        yield "quota", f"{quota!r} is not a mapping.", "Write it as {pods: 50, requests.cpu: 16}."
        return
    for key, value in quota.items():
        try:
            quantity(value)
        except ValueError:
            yield f"quota.{key}", f"{value!r} is no quantity.", "Write an amount such as 16, 500m or 64Gi."


def _way_problems(ways: Any) -> Iterator[tuple[str, str, str]]:
    example = "Write each as {to: 10.1.0.0/16, ports: [443]}."
    if not isinstance(ways, list):
        yield "egress", f"{ways!r} is not a list.", example
        return
    for way in ways:
        ports = way.get("ports", []) if isinstance(way, dict) else None
        good = isinstance(ports, list) and all(type(port) is int and 0 < port < 65536 for port in ports)
        if not good or not isinstance(way.get("to"), str) or set(way) - {"to", "ports"}:
            yield "egress", f"{way!r} is no way out.", example


def _is_host_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536
