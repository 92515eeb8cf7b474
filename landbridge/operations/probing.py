"""Look at every target once, side by side, each within one deadline: a dead target costs at most that."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import MaintenanceWindow, Role, Target
from landbridge.domain.ledger import Kind, target_states
from landbridge.domain.placement import Capacity, NodeCapacity, PlacementRequest, TargetView, worth_measuring
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.values import Json, Resources
from landbridge.operations import connections
from landbridge.operations.side_by_side import side_by_side
from landbridge.operations.sites import find_environment, makes_environments, training_targets
from landbridge.operations.story import Story

DEADLINE_SECONDS = 2.0
PLENTY = 1 << 60  # of what nobody declared


def views(story: Story, avoided: Mapping[str, str], request: PlacementRequest | None = None) -> tuple[TargetView, ...]:
    """One view per target of the inventory, with what operators said of it.

    Args:
        avoided: target → why this run must not go there again.
        request: measure only targets that it does not refuse anyway; None = all.
    """
    states = operator_states(story.inventory.home)
    targets = story.inventory.targets
    unseen = {name: view(story, target, Capacity(), states.get(name, {}), avoided) for name, target in targets.items()}
    wanted = worth_measuring(request, list(unseen.values()), datetime.now(UTC)) if request else frozenset(targets)
    return tuple(
        _seen(unseen[name], targets[name], capacity, states.get(name, {}))
        for name, capacity in {**dict.fromkeys(targets, Capacity()), **capacities(story, wanted)}.items()
    )


def _seen(unseen: TargetView, target: Target, capacity: Capacity, states: Mapping[str, Json]) -> TargetView:
    changed, seen = apply_states(target, capacity, states)
    return replace(unseen, target=changed, capacity=seen)


def operator_states(home: str) -> Mapping[str, Mapping[str, Json]]:
    """Target → state → what an operator said of it and did not take back."""
    return target_states(connections.ledger(home).entries(kind=Kind.TARGET_STATE))


def capacities(story: Story, wanted: Container[str] | None = None) -> Mapping[str, Capacity]:
    """Measure all training targets, or those wanted, at once; one that does not answer in time is unreachable."""
    names = [target.name for target in training_targets(story.inventory) if wanted is None or target.name in wanted]
    answers = side_by_side({name: partial(_measure, story, name) for name in names}, DEADLINE_SECONDS)
    late = Capacity(reachable=False, detail=f"no answer within {DEADLINE_SECONDS:g} s")
    return {name: answers.get(name, late) for name in names}


def view(
    story: Story, target: Target, capacity: Capacity, states: Mapping[str, Json], avoided: Mapping[str, str]
) -> TargetView:
    """Join what the target says, what its driver refuses and what operators said."""
    changed, seen = apply_states(target, capacity, states)
    kind = story.inventory.sites[target.site].kind
    return TargetView(changed, kind, seen, _refused(story, target), avoided.get(target.name, ""))


def apply_states(target: Target, capacity: Capacity, states: Mapping[str, Json]) -> tuple[Target, Capacity]:
    """What `landbridge targets set` said: drained, maintenance, busy, gpu, unreachable."""
    for state, said in states.items():
        reason = str(said.get("reason", "")) if isinstance(said, dict) else ""
        value = said.get("value") if isinstance(said, dict) else None
        match state:
            case "drained":
                target = replace(target, drained=reason or "drained by an operator")
            case "maintenance":
                target = replace(target, maintenance=(*target.maintenance, _always(reason)))
            case "busy":
                capacity = _full(target, capacity, reason or "said to be full by an operator")
            case "gpu":
                capacity = _with_gpus(capacity, int(str(value)))
            case "unreachable":
                capacity = Capacity(reachable=False, detail=reason or "said to be unreachable by an operator")
    return target, capacity


def findings(story: Story, target: str) -> tuple[Finding, ...]:
    """What the driver of `target`, and the inventory, say of the job's fields there."""
    said = connections.training(story.inventory, target).findings(story.job)
    return (*said, *_of_environment(story, target))


def _of_environment(story: Story, target: str) -> Iterator[Finding]:
    """The inventory decides what an environment is; whatever else the job says of it is not built here.

    Where it says nothing, a target that makes environments itself has its say among its driver's findings.
    """
    environment, label = story.job.environment, story.job.environment.label
    found = find_environment(story.inventory, label, target)
    if found is None and makes_environments(story.inventory, target):
        return
    if found is None:
        detail, hint = f"{label!r} means nothing on {target}", "Add it to `environments:` in the inventory."
        yield Finding("environment", FindingKind.REFUSED, detail, hint)
        return
    if found.python or found.image != label:
        python = "this installation's Python" if found.python == "current" else f"the Python at {found.python}"
        what = python if found.python else f"the image {found.image}"
        yield Finding("environment", FindingKind.SUBSTITUTED, f"{label!r} is {what} on {target}")
    said = {"build": environment.build, "conda_file": environment.conda, **environment.options}
    for key in (key for key, value in said.items() if value):
        detail = "Nothing is built from it: the inventory's `environments` say what the job runs in."
        yield Finding(f"environment.{key}", FindingKind.SUBSTITUTED, detail)


def _measure(story: Story, target: str) -> Capacity:
    try:
        return connections.training(story.inventory, target).capacity()
    except LandbridgeError as error:
        return Capacity(reachable=False, detail=error.message)


def _refused(story: Story, target: Target) -> tuple[str, ...]:
    if Role.TRAIN not in target.roles:
        return ()
    try:
        said = findings(story, target.name)
    except LandbridgeError as error:
        return (f"driver: {error.message}",)
    return tuple(f"{item.field}: {item.detail}" for item in said if item.kind is FindingKind.REFUSED)


def _always(reason: str) -> MaintenanceWindow:
    now = datetime.now(UTC)
    return MaintenanceWindow(reason or "maintenance", now - timedelta(days=1), now + timedelta(days=365))


def _full(target: Target, capacity: Capacity, detail: str) -> Capacity:
    """No node takes anything, not even a job that asks for nothing; a target that cannot be measured is one node."""
    declared = target.capacity
    whole = Resources(declared.cpu_millicores or PLENTY, declared.memory_bytes or PLENTY, declared.gpus)
    whole = whole if declared != Resources() else replace(whole, gpus=PLENTY)
    nodes = capacity.nodes or (NodeCapacity(target.name, whole, whole),)
    return replace(capacity, nodes=tuple(replace(node, cordoned=True) for node in nodes), detail=detail)


def _with_gpus(capacity: Capacity, gpus: int) -> Capacity:
    nodes = tuple(
        replace(node, total=replace(node.total, gpus=gpus), free=replace(node.free, gpus=min(node.free.gpus, gpus)))
        for node in capacity.nodes
    )
    return replace(capacity, nodes=nodes)
