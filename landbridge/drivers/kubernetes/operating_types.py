"""Azure ML's InstanceType as an object of the cluster, there and back, and what stands between a type and a node. Pure.

Where Azure's extension is installed the kind exists already and stays as it is; elsewhere ours is installed. Names are
unique in the cluster, so the kind belongs to no namespace.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge.domain.capacity import in_words
from landbridge.domain.inventory import InstanceType
from landbridge.domain.nearest import nearest
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.domain.quantities import resources
from landbridge.domain.values import Json, Resources
from landbridge.drivers.kubernetes.cluster import Kind
from landbridge.drivers.kubernetes.pod_template import COMPUTE_TAINT, DEFAULT, GPU, MANAGED_BY, OURS, WORKLOAD_TAINTS

Object = dict[str, Any]

GROUP, VERSION, PLURAL = "amlarc.azureml.com", "v1alpha1", "instancetypes"
CRD = f"{PLURAL}.{GROUP}"
DEFINITIONS = Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)
TYPES = Kind(f"{GROUP}/{VERSION}", PLURAL, namespaced=False)
_MEMORY_UNITS = (
    *((f"{unit}i", 1024**power) for power, unit in ((4, "T"), (3, "G"), (2, "M"), (1, "K"))),
    *((unit, 1000**power) for power, unit in ((4, "T"), (3, "G"), (2, "M"), (1, "k"))),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A node as far as instance types meet it. `allocatable`: of the whole node, whatever runs there."""

    name: str
    labels: Mapping[str, str]
    allocatable: Resources
    taints: tuple[Mapping[str, str], ...] = ()
    usable: bool = True  # ready and not cordoned


def definition() -> Object:
    """The CustomResourceDefinition, for clusters without Azure's extension."""
    amount: Object = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    amounts = {"type": "object", "additionalProperties": {**amount, "nullable": True}}
    bounds = {
        "type": "object",
        "required": ["requests", "limits"],
        "properties": {"requests": amounts, "limits": amounts},
    }
    selector = {"type": "object", "additionalProperties": {"type": "string"}}
    spec = {"type": "object", "required": ["resources"], "properties": {"nodeSelector": selector, "resources": bounds}}
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec}}
    columns = [
        {"name": name, "type": "string", "jsonPath": f".spec.resources.limits.{key}"}
        for name, key in (("CPU", "cpu"), ("Memory", "memory"), ("GPU", r"nvidia\.com/gpu"))
    ]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": columns,
    }
    names = {"plural": PLURAL, "singular": "instancetype", "kind": "InstanceType", "listKind": "InstanceTypeList"}
    return {
        "apiVersion": DEFINITIONS.api,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD, "labels": {MANAGED_BY: OURS}},
        "spec": {"group": GROUP, "names": names, "scope": "Cluster", "versions": [version]},
    }


def to_object(item: InstanceType) -> Object:
    """As Azure ML spells it; a GPU stands under the limits only."""
    limits = _amounts(item.limits) | ({GPU: str(item.limits.gpus)} if item.limits.gpus else {})
    bounds: Object = {"limits": limits, "requests": _amounts(item.requests)}
    selector: Object = {"nodeSelector": dict(item.node_selector)} if item.node_selector else {}
    return {
        "apiVersion": TYPES.api,
        "kind": "InstanceType",
        "metadata": {"name": item.name, "labels": {MANAGED_BY: OURS}},
        "spec": {**selector, "resources": bounds},
    }


def from_object(found: Mapping[str, Any]) -> InstanceType:
    """What somebody wrote into the cluster, however they spelt their amounts. Raises ValueError when it is no amount."""
    spec = found.get("spec") or {}
    bounds = spec.get("resources") or {}
    requests, limits = (
        resources({key: value for key, value in (bounds.get(key) or {}).items() if value is not None})
        for key in ("requests", "limits")
    )
    return InstanceType(str(found["metadata"]["name"]), requests, limits, dict(spec.get("nodeSelector") or {}))


def normal(item: InstanceType) -> InstanceType:
    """As the cluster keeps it: a GPU counts as a limit."""
    requests = Resources(item.requests.cpu_millicores, item.requests.memory_bytes)
    return InstanceType(item.name, requests, item.limits, dict(item.node_selector))


def read_node(found: Mapping[str, Any]) -> Node:
    spec, status = found.get("spec") or {}, found.get("status") or {}
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or ())
    meta = found["metadata"]
    return Node(
        str(meta["name"]),
        dict(meta.get("labels") or {}),
        resources({key: (status.get("allocatable") or {}).get(key, 0) for key in ("cpu", "memory", GPU)}),
        tuple(spec.get("taints") or ()),
        ready and not spec.get("unschedulable"),
    )


def takers(item: InstanceType, nodes: Sequence[Node], target: str, more: Mapping[str, Json]) -> tuple[str, ...]:
    """The nodes that may run an instance. `more`: `node_selector` and `tolerations` of the target's options."""
    return tuple(node.name for node in nodes if not list(_obstacles(item, node, target, more)))


def differences(declared: InstanceType, found: InstanceType) -> Iterator[str]:
    """What of the cluster's type is not as the inventory declares it."""
    wanted = normal(declared)
    for what, ours, theirs in (("requests", wanted.requests, found.requests), ("limits", wanted.limits, found.limits)):
        if ours != theirs:
            yield f"{what} are {in_words(theirs)}, declared are {in_words(ours)}"
    if dict(wanted.node_selector) != dict(found.node_selector):
        yield f"its node selector is {dict(found.node_selector)}, declared is {dict(wanted.node_selector)}"


@dataclass(frozen=True, slots=True)
class Stock:
    """What instance types are judged against."""

    types: Mapping[str, InstanceType]
    nodes: tuple[Node, ...] | None  # None: they may not be seen
    target: str
    more: Mapping[str, Json]  # `node_selector` and `tolerations` of the target's options


def judge_type(declared: InstanceType, stock: Stock) -> Diagnosis:
    """Whether the cluster offers the type as declared, and a node takes it."""
    name = f"instance type {declared.name}"
    apply = f"Run `landbridge ops instance-types apply {stock.target}`"
    found = stock.types.get(declared.name)
    if found is None and declared.name != DEFAULT.name:
        close = nearest(declared.name, stock.types)
        why = f"the cluster has no InstanceType {declared.name!r}{close}"
        return Diagnosis(name, Verdict.FAIL, why, f"{apply}{', or correct the name' if close else ''}.")
    unlike = list(differences(declared, found)) if found else []
    if unlike:
        return Diagnosis(name, Verdict.FAIL, "; ".join(unlike), f"{apply}, or declare it as the cluster has it.")
    if stock.nodes is None:
        remedy = "Give `--kubeconfig` of somebody who may list nodes."
        return Diagnosis(name, Verdict.UNSEEN, "it is as declared; nodes may not be seen", remedy)
    able = takers(declared, stock.nodes, stock.target, stock.more)
    if able:
        return Diagnosis(name, Verdict.PASS, f"as declared; {_count(len(able))}")
    return Diagnosis(name, Verdict.FAIL, f"no node takes it: {_why_none(declared, stock)}", _remedy(declared, stock))


def _obstacles(item: InstanceType, node: Node, target: str, more: Mapping[str, Json]) -> Iterator[str]:
    """Why an instance cannot run on a node, even on an empty one."""
    wider = more.get("node_selector")
    for key, value in _selector(item, more).items():
        if isinstance(wider, dict) and wider.get(key, value) != value:
            yield f"the target wants {key}={wider[key]}, the type {key}={value}: nothing is both"
        if node.labels.get(key) != value:
            yield f"the label {key} is {node.labels.get(key)!r}, wanted is {value!r}"
    if not node.usable:
        yield "it is cordoned or not ready"
    for taint in node.taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(taint, target, more):
            yield f"its taint {taint.get('key')}={taint.get('value', '')} is not tolerated"
    need = Resources(item.requests.cpu_millicores, item.requests.memory_bytes, item.limits.gpus)
    if not need.fits_into(node.allocatable):
        yield f"it has {in_words(node.allocatable)} in all, wanted are {in_words(need)}"


def _why_none(item: InstanceType, stock: Stock) -> str:
    if not stock.nodes:
        return "the cluster has no nodes"
    said = [(node.name, next(_obstacles(item, node, stock.target, stock.more))) for node in stock.nodes]
    shown = "; ".join(f"{name}: {why}" for name, why in said[:3])
    return shown + (f"; and {len(said) - 3} more nodes" if len(said) > 3 else "")


def _remedy(item: InstanceType, stock: Stock) -> str:
    for key, value in _selector(item, stock.more).items():
        values = {node.labels[key] for node in stock.nodes or () if key in node.labels}
        if value in values:
            continue
        if values:
            return f"Write another value of {key}; nodes have {', '.join(sorted(values)[:5])}{nearest(value, values)}."
        labels = {label for node in stock.nodes or () for label in node.labels}
        return f"Label a node {key}={value}, or correct the selector{nearest(key, labels)}."
    return "Make the type smaller, uncordon or add a node, or add the toleration to the target's options."


def _selector(item: InstanceType, more: Mapping[str, Json]) -> dict[str, str]:
    """The type's and the target's must both match."""
    selector = more.get("node_selector")
    wider = {key: str(value) for key, value in selector.items()} if isinstance(selector, dict) else {}
    return {**wider, **item.node_selector}


def _tolerated(taint: Mapping[str, str], target: str, more: Mapping[str, Json]) -> bool:
    ours = {(key, "true") for key in WORKLOAD_TAINTS} | {(COMPUTE_TAINT, target)}
    if (taint.get("key"), taint.get("value", "")) in ours:
        return True
    given = more.get("tolerations")
    return any(_tolerates(item, taint) for item in (given if isinstance(given, list) else ()))


def _tolerates(toleration: Json, taint: Mapping[str, str]) -> bool:
    if not isinstance(toleration, dict) or toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return (toleration.get("key"), toleration.get("value", "")) == (taint.get("key"), taint.get("value", ""))


def _amounts(found: Resources) -> Object:
    cores, rest = divmod(found.cpu_millicores, 1000)
    return {"cpu": f"{found.cpu_millicores}m" if rest else str(cores), "memory": _memory(found.memory_bytes)}


def _memory(size: int) -> str:
    """A whole number with a unit, as the rules want it; what no unit divides is rounded up."""
    for unit, factor in _MEMORY_UNITS:
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{-(-size // 1024)}Ki"


def _count(number: int) -> str:
    return f"{number} node takes it" if number == 1 else f"{number} nodes take it"
