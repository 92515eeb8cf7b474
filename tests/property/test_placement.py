"""Placement holds for every inventory: total, deterministic, explained, and mended by the changes that it proposes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.inventory import InstanceType, MaintenanceWindow, Role, Target
from landbridge.domain.maintenance import opening, span
from landbridge.domain.placement import (
    FAILOVER_OF,
    PlacementRequest,
    Rule,
    TargetView,
    apply_change,
    place,
    why_not,
    worth_measuring,
)
from landbridge.domain.residency import HomedData, placement_allowed
from landbridge.domain.scenario import DataAsset, FailoverReason, PlacementPolicy, Requirements
from landbridge.domain.values import Pattern, Resources, SiteKind

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SITES = {"azure": SiteKind.CLOUD, "aws": SiteKind.CLOUD, "plant": SiteKind.ONPREM, "depot": SiteKind.ONPREM}

amounts = st.builds(Resources, st.integers(0, 4), st.integers(0, 4), st.integers(0, 2))
nodes = st.lists(st.tuples(amounts, amounts, st.booleans()), max_size=3).map(
    lambda rows: tuple(
        NodeCapacity(f"n{index}", total, free, cordoned) for index, (total, free, cordoned) in enumerate(rows)
    )
)
windows = st.one_of(
    st.builds(
        lambda begin, hours: MaintenanceWindow(
            "fixed", NOW + timedelta(hours=begin), NOW + timedelta(hours=begin + hours)
        ),
        st.integers(-5, 5),
        st.integers(0, 5),
    ),
    st.builds(
        MaintenanceWindow,
        st.just("weekly"),
        weekdays=st.frozensets(st.integers(0, 6)),
        opens=st.integers(0, 1439),
        closes=st.integers(0, 1439),
    ),
)
types = st.lists(
    st.builds(InstanceType, st.sampled_from(["small", "large"]), amounts, amounts),
    max_size=2,
    unique_by=lambda it: it.name,
).map(tuple)
targets = st.builds(
    Target,
    name=st.sampled_from("abcdef"),
    site=st.sampled_from(list(SITES)),
    driver=st.just("memory"),
    roles=st.sampled_from([frozenset(Role), frozenset({Role.TRAIN}), frozenset({Role.SERVE})]),
    cluster=st.sampled_from(["c1", "c2"]),
    instance_types=types,
    capacity=amounts | st.just(Resources()),
    cost_per_hour=st.sampled_from([0.0, 1.0, 2.5]),
    maintenance=st.lists(windows, max_size=2).map(tuple),
    drained=st.sampled_from(["", "", "disk"]),
    private=st.booleans(),
)
view_lists = st.lists(
    st.builds(
        lambda target, capacity, fields, avoided: TargetView(target, SITES[target.site], capacity, fields, avoided),
        targets,
        st.builds(Capacity, nodes, st.sampled_from([True, True, True, False])),
        st.sampled_from([(), (), ("distribution: no",)]),
        st.sampled_from(["", "", "lost"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda view: view.target.name,
)
data_sets = st.lists(
    st.builds(
        lambda name, residency, home: HomedData(DataAsset(name, "", residency), home),
        st.sampled_from(["flights", "weather"]),
        st.frozensets(st.sampled_from([*SITES, "cloud", "onprem"]), max_size=2),
        st.sampled_from(list(SITES)),
    ),
    max_size=2,
    unique_by=lambda item: item.asset.name,
).map(tuple)
requests = st.builds(
    PlacementRequest,
    pattern=st.sampled_from(Pattern),
    requirements=st.builds(Requirements, amounts, st.sampled_from(["", "", "small", "huge"])),
    policy=st.builds(
        PlacementPolicy,
        prefer=st.lists(st.sampled_from(["a", "[bc]", "*"]), max_size=2).map(tuple),
        failover=st.frozensets(st.sampled_from(FailoverReason)),
        max_cost_per_hour=st.sampled_from([None, 0.5, 2.0]),
    ),
    data=data_sets,
    instances=st.integers(1, 3),
    timeout_seconds=st.sampled_from([0.0, 60.0, 1e6, 1e30]),
    private_only=st.booleans(),
    same_cluster_as=st.sampled_from([(), ("c1",)]),
    sites=st.sampled_from([{}, SITES]),
    locked_sites=st.frozensets(st.sampled_from(list(SITES)), max_size=1),
)


@given(requests, view_lists)
def test_every_target_gets_one_ruling_with_a_reason(request_: PlacementRequest, views: list[TargetView]) -> None:
    placement = place(request_, views, NOW)
    assert sorted(ruling.target for ruling in placement.rulings) == sorted(view.target.name for view in views)
    for ruling in placement.rulings:
        assert ruling.reason
        assert ruling.eligible is (ruling.rule is None) is (ruling.change == "")
        assert not ruling.reason.endswith(".")
    assert [ruling.target for ruling in placement.rulings if ruling.chosen] == (
        [placement.chosen] * bool(placement.chosen)
    )
    assert (placement.chosen is None) is (not any(ruling.eligible for ruling in placement.rulings))
    eligible = [ruling.eligible for ruling in placement.rulings]
    assert eligible == sorted(eligible, reverse=True)


@given(requests, view_lists, st.randoms())
def test_the_order_of_the_inventory_changes_nothing(request_: PlacementRequest, views: list[TargetView], dice) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(views)
    dice.shuffle(shuffled)
    assert place(request_, views, NOW) == place(request_, shuffled, NOW)


@given(requests, view_lists)
def test_what_is_not_worth_measuring_changes_nothing(request_: PlacementRequest, views: list[TargetView]) -> None:
    wanted = worth_measuring(request_, views, NOW)
    unmeasured = [view if view.target.name in wanted else replace(view, capacity=Capacity()) for view in views]
    assert place(request_, unmeasured, NOW) == place(request_, views, NOW)


@given(requests, view_lists, st.integers(0, 4))
def test_all_changes_together_make_the_target_eligible(
    request_: PlacementRequest, views: list[TargetView], pick: int
) -> None:
    target = views[pick % len(views)].target.name
    changes = why_not(request_, views, NOW, target)
    told = next(ruling for ruling in place(request_, views, NOW).rulings if ruling.target == target)
    assert (changes == ()) is told.eligible
    assert not changes or (changes[0].rule, changes[0].sentence) == (told.rule, told.change)
    order = list(Rule)
    asked = [order.index(change.rule) for change in changes]
    assert asked == sorted(asked)
    changed: tuple[PlacementRequest, tuple[TargetView, ...]] = (request_, tuple(views))
    for change in changes:
        assert change.sentence.endswith(".")
        changed = apply_change(*changed, change)
    assert next(ruling for ruling in place(*changed, NOW).rulings if ruling.target == target).eligible


@given(requests, view_lists)
def test_the_chosen_target_breaks_no_rule(request_: PlacementRequest, views: list[TargetView]) -> None:
    placement = place(request_, views, NOW)
    by_name = {view.target.name: view for view in views}
    for ruling in placement.rulings:
        view = by_name[ruling.target]
        if ruling.eligible:
            assert Role.TRAIN in view.target.roles
            assert all(placement_allowed(item.asset, ruling.site, view.site_kind) for item in request_.data)
            assert view.capacity.reachable
            assert not view.target.drained
            assert not view.avoided
            assert not view.refused_fields
            limit = request_.policy.max_cost_per_hour
            assert limit is None or view.target.cost_per_hour <= limit
            need = request_.requirements.resources
            usable = [node for node in view.capacity.nodes if not node.cordoned]
            assert not view.capacity.nodes or any(need.fits_into(node.free) for node in usable)


@given(requests, view_lists)
def test_work_leaves_onprem_only_for_a_reason_that_is_switched_on(
    request_: PlacementRequest, views: list[TargetView]
) -> None:
    request_ = replace(request_, pattern=Pattern.HYBRID_TRAIN_DEPLOY)
    placement = place(request_, views, NOW)
    kinds = {view.target.name: view.site_kind for view in views}
    if placement.chosen is None or kinds[placement.chosen] is SiteKind.ONPREM:
        assert placement.spilled is None
        return
    out = [ruling.rule for ruling in placement.rulings if kinds[ruling.target] is SiteKind.ONPREM]
    reasons = {FAILOVER_OF[rule] for rule in out if rule in FAILOVER_OF}
    assert None not in out
    assert reasons <= request_.policy.failover
    assert placement.spilled in (reasons or {None})


@given(windows, st.integers(0, 20 * 24 * 60), st.integers(1, 20 * 24 * 60))
def test_a_window_is_open_in_a_span_exactly_when_some_minute_of_both_is(
    window: MaintenanceWindow, begin: int, minutes: int
) -> None:
    minutes = min(minutes, 3000)
    start = NOW + timedelta(minutes=begin)
    found = opening(window, span(start, minutes * 60))
    assert (found is not None) is any(is_open(window, start + timedelta(minutes=minute)) for minute in range(minutes))


def is_open(window: MaintenanceWindow, moment: datetime) -> bool:
    """Whether the minute that begins at `moment` lies in the window; everything here is whole minutes."""
    if window.start and window.end:
        return window.start <= moment < window.end
    minute = moment.hour * 60 + moment.minute
    today, yesterday = moment.weekday(), (moment.weekday() - 1) % 7
    if window.closes > window.opens:
        return today in window.weekdays and window.opens <= minute < window.closes
    return (today in window.weekdays and minute >= window.opens) or (
        yesterday in window.weekdays and minute < window.closes
    )
