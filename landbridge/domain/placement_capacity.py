"""The two rules that compare a job with nodes: HARDWARE (it never fits) and BUSY (it does not fit now)."""

from functools import lru_cache

from landbridge.domain.capacity import NodeCapacity, in_words, larger, nearest, shortage, size_in_words, slots
from landbridge.domain.placement_values import Lever, PlacementRequest, Refusal, Rule, TargetView
from landbridge.domain.values import Json, Resources


def need_of(request: PlacementRequest, view: TargetView) -> Resources:
    """What one instance takes on this target: what the job asks for, and at least what its instance type requests."""
    wanted = request.requirements
    if not wanted.instance_type:
        return wanted.resources
    found = next((it for it in view.target.instance_types if it.name == wanted.instance_type), None)
    return wanted.resources if found is None else larger(wanted.resources, found.requests)


def stated(declared: Resources, need: Resources) -> Resources:
    """`declared`, with no limit where it says nothing: no machine has 0 CPU or memory; 0 GPUs means none."""
    return Resources(
        declared.cpu_millicores or need.cpu_millicores, declared.memory_bytes or need.memory_bytes, declared.gpus
    )


def hardware(need: Resources, instances: int, view: TargetView) -> Refusal | None:
    """Refuse when even an empty target does not hold all instances, each on one node."""
    nodes = view.capacity.nodes
    if not nodes:
        return _declared(need, view)
    if instances == 1:
        return None if any(need.fits_into(node.total) for node in nodes) else _too_small(need, 1, view)
    missing = instances - sum(slots(need, node.total) for node in nodes)
    return None if missing <= 0 else _too_small(need, missing, view)


def busy(need: Resources, instances: int, view: TargetView) -> Refusal | None:
    """Refuse when the nodes that take work do not hold all instances now. What is not reported counts as free."""
    nodes = view.capacity.nodes
    if not nodes or (instances == 1 and any(need.fits_into(node.free) and not node.cordoned for node in nodes)):
        return None
    missing = instances - sum(slots(need, node.free) for node in nodes if not node.cordoned)
    return None if missing <= 0 else _full(need, missing, view)


def describe(need: Resources, have: Resources) -> tuple[str, str, str]:
    """What is needed, what is there, and the scenario keys that would fit; only what lacks is told."""
    lacking = shortage(need, have)
    needs, has, keys = [], [], []
    if lacking.gpus:
        needs.append(in_words(Resources(gpus=need.gpus)))
        has.append(f"{have.gpus}")
        keys.append(f"requires.gpu: {have.gpus}")
    if lacking.cpu_millicores:
        needs.append(in_words(Resources(cpu_millicores=need.cpu_millicores)))
        has.append(f"{have.cpu_millicores / 1000:g}")
        keys.append(f"requires.cpu: {have.cpu_millicores / 1000:g}")
    if lacking.memory_bytes:
        needs.append(f"{size_in_words(need.memory_bytes)} memory")
        has.append(size_in_words(have.memory_bytes))
        keys.append(f"requires.memory: {have.memory_bytes >> 20}Mi")
    return " and ".join(needs), " and ".join(has), " and ".join(keys)


def _declared(need: Resources, view: TargetView) -> Refusal | None:
    declared, name = view.target.capacity, view.target.name
    if declared == Resources():
        return None
    have = stated(declared, need)
    if need.fits_into(have):
        return None
    needs, has, keys = describe(need, have)
    lacking = shortage(need, have)
    sentence = f"Add {in_words(lacking)} to {name} and declare it in its capacity, or set {keys}."
    reason = f"needs {needs}; {name} declares {has}"
    return Refusal(Rule.HARDWARE, reason, Lever.CAPACITY, name, _value("", lacking), sentence)


def _too_small(need: Resources, missing: int, view: TargetView) -> Refusal:
    name, nodes = view.target.name, view.capacity.nodes
    node = nodes[nearest(need, [node.total for node in nodes])]
    if not need.fits_into(node.total):
        needs, has, keys, lacking, more = _gap(need, node.total, missing)
        reason = f"needs {needs}; the largest node of {name} has {has}"
        sentence = f"Add {more} to a node of {name}, or set {keys}."
    else:
        lacking = shortage(_times(need, slots(need, node.total) + missing), node.total)
        reason = f"needs room for {missing} more instances of {in_words(need)} on {name}"
        sentence = f"Add {in_words(lacking)} to a node of {name}, or lower resources.instance_count by {missing}."
    return Refusal(Rule.HARDWARE, reason, Lever.CAPACITY, name, _value(node.name, lacking), sentence)


@lru_cache(maxsize=4096)  # a thousand targets have few sizes of node
def _gap(need: Resources, total: Resources, missing: int) -> tuple[str, str, str, Resources, str]:
    lacking = shortage(_times(need, missing), total)
    return (*describe(need, total), lacking, in_words(lacking))


def _full(need: Resources, missing: int, view: TargetView) -> Refusal:
    name = view.target.name
    able = [node for node in view.capacity.nodes if slots(need, node.total) > slots(need, node.free) or node.cordoned]
    working = [node for node in able if not node.cordoned]
    if not working:
        return _cordoned(need, able, view)
    node = working[nearest(need, [node.free for node in working])]
    room = min(slots(need, node.total), slots(need, node.free) + missing)
    lacking = shortage(_times(need, room), node.free)
    reason = f"{name} is busy: needs {in_words(need)}, and node {node.name} has {in_words(node.free)} free"
    sentence = f"Wait until node {node.name} of {name} has {in_words(lacking)} more free."
    return Refusal(Rule.BUSY, reason, Lever.FREE, name, _value(node.name, lacking), sentence)


def _cordoned(need: Resources, nodes: list[NodeCapacity], view: TargetView) -> Refusal:
    """Every node that is large enough takes no new work."""
    name = view.target.name
    fitting = [node for node in nodes if slots(need, node.total)] or list(view.capacity.nodes)
    names = ", ".join(node.name for node in fitting)
    said = f": {view.capacity.detail}" if view.capacity.detail else ""
    reason = f"{name} is busy: every node large enough for {in_words(need)} is cordoned ({names}){said}"
    sentence = f"Uncordon node {fitting[0].name} of {name}."
    return Refusal(Rule.BUSY, reason, Lever.UNCORDON, name, fitting[0].name, sentence)


def _value(node: str, resources: Resources) -> dict[str, Json]:
    return {
        "node": node,
        "cpu_millicores": resources.cpu_millicores,
        "memory_bytes": resources.memory_bytes,
        "gpus": resources.gpus,
    }


def _times(need: Resources, count: int) -> Resources:
    if count == 1:
        return need
    return Resources(need.cpu_millicores * count, need.memory_bytes * count, need.gpus * count)
