"""Carry out proposed changes on the values of a placement, to show that they help. Changes nothing in the world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from landbridge.domain.capacity import NodeCapacity
from landbridge.domain.inventory import InstanceType, Role
from landbridge.domain.placement_values import Change, Lever, PlacementRequest, TargetView
from landbridge.domain.scenario import FailoverReason
from landbridge.domain.values import Json, Pattern, Resources

_OnRequest: TypeAlias = Callable[[PlacementRequest, Json], PlacementRequest]
_OnView: TypeAlias = Callable[[TargetView, Json], TargetView]


def apply_change(
    request: PlacementRequest, views: Sequence[TargetView], change: Change
) -> tuple[PlacementRequest, tuple[TargetView, ...]]:
    """The request and the views as they would be after `change`."""
    if change.lever in _ON_REQUEST:
        return _ON_REQUEST[change.lever](request, change.value), tuple(views)
    turn = _ON_VIEW[change.lever]
    return request, tuple(turn(view, change.value) if view.target.name == change.target else view for view in views)


def _pattern(request: PlacementRequest, value: Json) -> PlacementRequest:
    return replace(request, pattern=Pattern(str(value)))


def _cluster(request: PlacementRequest, value: Json) -> PlacementRequest:
    return replace(request, same_cluster_as=(*request.same_cluster_as, str(value)))


def _residency(request: PlacementRequest, value: Json) -> PlacementRequest:
    named = _mapping(value)
    data = tuple(
        replace(item, asset=replace(item.asset, residency=item.asset.residency | {str(named["site"])}))
        if item.asset.name == named["data"]
        else item
        for item in request.data
    )
    return replace(request, data=data)


def _exports(request: PlacementRequest, value: Json) -> PlacementRequest:
    return replace(request, locked_sites=request.locked_sites - {str(value)})


def _max_cost(request: PlacementRequest, value: Json) -> PlacementRequest:
    return replace(request, policy=replace(request.policy, max_cost_per_hour=float(str(value))))


def _failover(request: PlacementRequest, value: Json) -> PlacementRequest:
    reasons = request.policy.failover | {FailoverReason(str(value))}
    return replace(request, policy=replace(request.policy, failover=reasons))


def _roles(view: TargetView, value: Json) -> TargetView:
    return replace(view, target=replace(view.target, roles=view.target.roles | {Role(str(value))}))


def _private(view: TargetView, value: Json) -> TargetView:
    return replace(view, target=replace(view.target, private=bool(value)))


def _job_fields(view: TargetView, _: Json) -> TargetView:
    return replace(view, refused_fields=())


def _instance_type(view: TargetView, value: Json) -> TargetView:
    named = _mapping(value)
    old = {it.name: it for it in view.target.instance_types}
    name = str(named["name"])
    selector = old[name].node_selector if name in old else {}
    new = InstanceType(name, _resources(named["requests"]), _resources(named["limits"]), selector)
    return replace(view, target=replace(view.target, instance_types=tuple({**old, name: new}.values())))


def _capacity(view: TargetView, value: Json) -> TargetView:
    node, more = _mapping(value)["node"], _resources(value)
    if not node and not view.capacity.nodes:
        return replace(view, target=replace(view.target, capacity=view.target.capacity + more))
    return _on_node(view, str(node), lambda one: replace(one, total=one.total + more, free=one.free + more))


def _free(view: TargetView, value: Json) -> TargetView:
    more = _resources(value)
    return _on_node(view, str(_mapping(value)["node"]), lambda one: replace(one, free=one.free + more))


def _uncordon(view: TargetView, value: Json) -> TargetView:
    return _on_node(view, str(value), lambda one: replace(one, cordoned=False))


def _drained(view: TargetView, value: Json) -> TargetView:
    return replace(view, target=replace(view.target, drained=str(value)))


def _maintenance(view: TargetView, value: Json) -> TargetView:
    windows = tuple(window for index, window in enumerate(view.target.maintenance) if index != value)
    return replace(view, target=replace(view.target, maintenance=windows))


def _reachable(view: TargetView, value: Json) -> TargetView:
    return replace(view, capacity=replace(view.capacity, reachable=bool(value), detail=""))


def _avoided(view: TargetView, value: Json) -> TargetView:
    return replace(view, avoided=str(value))


def _on_node(view: TargetView, name: str, turn: Callable[[NodeCapacity], NodeCapacity]) -> TargetView:
    nodes = tuple(turn(node) if node.name == name else node for node in view.capacity.nodes)
    return replace(view, capacity=replace(view.capacity, nodes=nodes))


def _resources(value: Json) -> Resources:
    named = _mapping(value)
    return Resources(*(int(str(named[key])) for key in ("cpu_millicores", "memory_bytes", "gpus")))


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


_ON_REQUEST: Mapping[Lever, _OnRequest] = {
    Lever.PATTERN: _pattern,
    Lever.CLUSTER: _cluster,
    Lever.RESIDENCY: _residency,
    Lever.EXPORTS: _exports,
    Lever.MAX_COST: _max_cost,
    Lever.FAILOVER: _failover,
}
_ON_VIEW: Mapping[Lever, _OnView] = {
    Lever.ROLES: _roles,
    Lever.PRIVATE: _private,
    Lever.JOB_FIELDS: _job_fields,
    Lever.INSTANCE_TYPE: _instance_type,
    Lever.CAPACITY: _capacity,
    Lever.DRAINED: _drained,
    Lever.MAINTENANCE: _maintenance,
    Lever.REACHABLE: _reachable,
    Lever.UNCORDON: _uncordon,
    Lever.FREE: _free,
    Lever.AVOIDED: _avoided,
}
