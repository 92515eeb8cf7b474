"""Placement: each rule with its numbers, the order of rules, failover with its switches, and the ranking."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from landbridge.domain.capacity import Capacity, NodeCapacity, in_words, slots
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import InstanceType, MaintenanceWindow, Role, Target
from landbridge.domain.maintenance import opening, span
from landbridge.domain.placement import (
    FAILOVER_OF,
    PlacementRequest,
    Rule,
    TargetRuling,
    TargetView,
    place,
    smallest_change,
    why_not,
)
from landbridge.domain.residency import HomedData
from landbridge.domain.scenario import DataAsset, FailoverReason, PlacementPolicy, Requirements
from landbridge.domain.values import Pattern, Resources, SiteKind

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
GIB = 1 << 30
NODE = Resources(4000, 16 * GIB, 0)
GPUS = Requirements(Resources(1000, GIB, 2))
SMALL = Requirements(Resources(1000, GIB))
HYBRID = PlacementRequest(Pattern.HYBRID_TRAIN_DEPLOY, SMALL)


def view(name: str, kind: SiteKind = SiteKind.ONPREM, total: Resources = NODE, **target: object) -> TargetView:
    made = Target(name, str(kind), "memory", frozenset({Role.TRAIN}), name)
    nodes = (NodeCapacity("n1", total, total),)
    return TargetView(replace(made, **target), kind, Capacity(nodes))  # type: ignore[arg-type]


RACK = view("rack")
CLOUD = view("cpu", SiteKind.CLOUD)


def ruling(request: PlacementRequest, *views: TargetView) -> TargetRuling:
    """Of the first of the views."""
    placement = place(request, views, NOW)
    return next(one for one in placement.rulings if one.target == views[0].target.name)


def full(one: TargetView) -> TargetView:
    nodes = tuple(replace(node, free=Resources(500, GIB)) for node in one.capacity.nodes)
    return replace(one, capacity=Capacity(nodes))


PATCHING = MaintenanceWindow("patching", NOW, NOW + timedelta(hours=2))
ONPREM_ONLY = (HomedData(DataAsset("flights", "", frozenset({"onprem"})), "onprem"),)
REFUSALS = [
    (Rule.ROLE, SMALL, view("rack", roles=frozenset({Role.SERVE})), "rack does not train", "Add train to the roles"),
    (
        Rule.HARDWARE,
        GPUS,
        RACK,
        "needs 2 GPUs; the largest node of rack has 0",
        "Add 2 GPUs to a node of rack, or set requires.gpu: 0.",
    ),
    (
        Rule.HARDWARE,
        Requirements(Resources(8000, 32 * GIB)),
        RACK,
        "needs 8 CPUs and 32 GiB memory; the largest node of rack has 4 and 16 GiB",
        "Add 4 CPUs and 16 GiB memory to a node of rack, or set requires.cpu: 4 and requires.memory: 16384Mi.",
    ),
    (Rule.DRAINED, SMALL, view("rack", drained="disk swap"), "rack is drained: disk swap", "End the drain of rack."),
    (
        Rule.MAINTENANCE,
        SMALL,
        view("rack", maintenance=(PATCHING,)),
        "maintenance of rack (patching) from 2026-01-05 12:00 UTC to 2026-01-05 14:00 UTC overlaps the job",
        "Start after 2026-01-05 14:00 UTC, or end the maintenance window of rack.",
    ),
    (
        Rule.REACHABILITY,
        SMALL,
        replace(RACK, capacity=Capacity((), False, "no answer within 2 s")),
        "rack does not answer: no answer within 2 s",
        "Bring rack back",
    ),
    (
        Rule.BUSY,
        SMALL,
        full(RACK),
        "rack is busy: needs 1 CPU and 1 GiB memory, and node n1 has 0.5 CPUs and 1 GiB memory free",
        "Wait until node n1 of rack has 0.5 CPUs more free.",
    ),
    (
        Rule.CAPABILITY,
        SMALL,
        replace(RACK, refused_fields=("distribution: one node only",)),
        "the memory driver refuses distribution: one node only",
        "Remove or replace distribution in the job.",
    ),
    (Rule.AVOIDED, SMALL, replace(RACK, avoided="job lost"), "avoided in this run: job lost", "start a new run"),
    (
        Rule.INSTANCE_TYPE,
        Requirements(SMALL.resources, "gpu-smal"),
        view("rack", instance_types=(InstanceType("gpu-small", NODE, NODE),)),
        "rack has no instance type gpu-smal (did you mean 'gpu-small'?)",
        "Define instance type gpu-smal on rack, or use gpu-small.",
    ),
    (
        Rule.INSTANCE_TYPE,
        Requirements(Resources(2000), "small"),
        view(
            "rack",
            instance_types=(
                InstanceType("small", Resources(500), Resources(1000)),
                InstanceType("big", Resources(2000), Resources(3000)),
            ),
        ),
        "needs 2 CPUs; instance type small of rack is limited to 1",
        "Raise the limits of small on rack to 2 CPUs, or use big.",
    ),
]


@pytest.mark.parametrize(("rule", "needs", "seen", "reason", "change"), REFUSALS)
def test_each_rule_tells_the_numbers_and_the_smallest_change(
    rule: Rule, needs: Requirements, seen: TargetView, reason: str, change: str
) -> None:
    one = ruling(replace(HYBRID, requirements=needs), seen)
    assert (one.rule, one.eligible, one.chosen) == (rule, False, False)
    assert one.reason == reason
    assert change in one.change


def test_residency_names_the_data_and_where_it_may_be() -> None:
    one = ruling(replace(HYBRID, data=ONPREM_ONLY), CLOUD)
    assert (one.rule, one.reason) == (Rule.RESIDENCY, "data flights may be at onprem only")
    assert "data.flights.residency" in one.change


def test_it_policy_keeps_data_where_it_is() -> None:
    free = (HomedData(DataAsset("flights", ""), "onprem"),)
    one = ruling(replace(HYBRID, data=free, locked_sites=frozenset({"onprem"})), CLOUD)
    assert one.rule is Rule.RESIDENCY
    assert "sites.onprem.exports" in one.change
    assert ruling(replace(HYBRID, data=free, locked_sites=frozenset({"onprem"})), RACK).eligible


def test_a_limit_on_cost_refuses_what_is_dearer() -> None:
    one = ruling(replace(HYBRID, policy=PlacementPolicy(max_cost_per_hour=1.0)), view("rack", cost_per_hour=1.5))
    assert (one.rule, one.reason) == (Rule.COST, "costs 1.5 per hour, and the scenario allows 1")


@pytest.mark.parametrize(
    ("pattern", "trains"),
    [
        (Pattern.CLOUD_TRAIN_ONPREM_DEPLOY, {"cloud"}),
        (Pattern.HYBRID_TRAIN_DEPLOY, {"cloud", "onprem"}),
        (Pattern.ONPREM_TRAIN_CLOUD_DEPLOY, {"onprem"}),
        (Pattern.PRIVATE_AKS, {"cloud"}),
        (Pattern.ONPREM_LIFECYCLE, {"onprem"}),
    ],
)
def test_each_pattern_trains_where_it_says(pattern: Pattern, trains: set[str]) -> None:
    views = [view("rack", private=True), view("cpu", SiteKind.CLOUD, private=True)]
    refused = {
        one.site for one in place(PlacementRequest(pattern, SMALL), views, NOW).rulings if one.rule is Rule.PATTERN
    }
    assert {"cloud", "onprem"} - refused == trains


def test_private_aks_trains_on_a_private_target_in_the_cluster_that_serves() -> None:
    request = PlacementRequest(Pattern.PRIVATE_AKS, SMALL, same_cluster_as=("aks",))
    inside = view("aks-cpu", SiteKind.CLOUD, private=True, cluster="aks")
    assert place(request, [inside], NOW).chosen == "aks-cpu"
    assert ruling(request, view("other", SiteKind.CLOUD, private=True)).rule is Rule.PATTERN
    assert ruling(request, view("open", SiteKind.CLOUD, cluster="aks")).rule is Rule.PRIVATE_NETWORK


def test_the_first_rule_in_order_is_told() -> None:
    worst = view("rack", roles=frozenset({Role.SERVE}), drained="x", maintenance=(PATCHING,))
    assert ruling(replace(HYBRID, requirements=GPUS), worst).rule is Rule.ROLE
    changes = why_not(replace(HYBRID, requirements=GPUS), [worst], NOW, "rack")
    assert [change.rule for change in changes] == [Rule.ROLE, Rule.HARDWARE, Rule.DRAINED, Rule.MAINTENANCE]


def test_two_nodes_with_one_gpu_each_are_not_a_node_with_two() -> None:
    one = Resources(4000, 16 * GIB, 1)
    seen = replace(RACK, capacity=Capacity((NodeCapacity("a", one, one), NodeCapacity("b", one, one))))
    assert ruling(replace(HYBRID, requirements=GPUS), seen).rule is Rule.HARDWARE


def test_instances_may_stand_on_different_nodes_or_share_one() -> None:
    seen = replace(RACK, capacity=Capacity(tuple(NodeCapacity(name, NODE, NODE) for name in "ab")))
    wide = replace(HYBRID, requirements=Requirements(Resources(2000)))
    assert ruling(replace(wide, instances=4), seen).eligible
    refused = ruling(replace(wide, instances=5), seen)
    assert refused.rule is Rule.HARDWARE
    assert "room for 1 more" in refused.reason


def test_cordoned_nodes_take_nothing_new() -> None:
    seen = replace(RACK, capacity=Capacity((NodeCapacity("n1", NODE, NODE, cordoned=True),)))
    one = ruling(HYBRID, seen)
    assert (one.rule, one.change) == (Rule.BUSY, "Uncordon node n1 of rack.")


def test_unknown_capacity_is_trusted_and_said() -> None:
    unknown = replace(RACK, capacity=Capacity())
    assert ruling(HYBRID, unknown).reason.endswith("its capacity is unknown, so it will decide itself")
    declared = replace(unknown, target=replace(RACK.target, capacity=Resources(gpus=1)))
    assert ruling(HYBRID, declared).eligible
    refused = ruling(replace(HYBRID, requirements=GPUS), declared)
    assert (refused.rule, refused.reason) == (Rule.HARDWARE, "needs 2 GPUs; rack declares 1")


def test_an_instance_type_takes_what_it_requests() -> None:
    seen = view("rack", instance_types=(InstanceType("gpu", Resources(gpus=1), Resources(gpus=1)),))
    assert ruling(replace(HYBRID, requirements=Requirements(instance_type="gpu")), seen).rule is Rule.HARDWARE


OUT = {
    FailoverReason.BUSY: full(RACK),
    FailoverReason.MAINTENANCE: view("rack", drained="disk swap"),
    FailoverReason.HARDWARE: view("rack", total=Resources(100)),
    FailoverReason.UNREACHABLE: replace(RACK, capacity=Capacity((), False, "down")),
}


@pytest.mark.parametrize("reason", FailoverReason)
def test_each_failover_reason_spills_to_the_cloud_and_can_be_switched_off(reason: FailoverReason) -> None:
    views = [OUT[reason], CLOUD]
    spilled = place(HYBRID, views, NOW)
    assert (spilled.chosen, spilled.spilled) == ("cpu", reason)
    off = replace(HYBRID, policy=PlacementPolicy(failover=frozenset(FailoverReason) - {reason}))
    stays = place(off, views, NOW)
    assert (stays.chosen, stays.spilled) == (None, None)
    held = next(one for one in stays.rulings if one.target == "cpu")
    assert held.rule is Rule.FAILOVER
    assert held.change == f"Set placement.failover.{reason}: true."


def test_work_comes_back_when_the_reason_ends() -> None:
    placement = place(HYBRID, [RACK, CLOUD], NOW)
    assert (placement.chosen, placement.spilled) == ("rack", None)
    held = placement.rulings[1]
    assert (held.target, held.rule, held.eligible) == ("cpu", Rule.FAILOVER, False)
    assert "rack is eligible" in held.reason


def test_one_target_that_is_out_for_a_reason_switched_off_holds_all() -> None:
    off = replace(HYBRID, policy=PlacementPolicy(failover=frozenset({FailoverReason.BUSY})))
    assert place(off, [full(RACK), view("rack2", drained="x"), CLOUD], NOW).chosen is None


def test_residency_does_not_block_failover() -> None:
    data = (HomedData(DataAsset("flights", "", frozenset({"cloud"})), "cloud"),)
    placement = place(replace(HYBRID, data=data), [RACK, CLOUD], NOW)
    assert (placement.chosen, placement.spilled) == ("cpu", None)


def test_only_the_four_reasons_are_failover_reasons() -> None:
    assert set(FAILOVER_OF.values()) == set(FailoverReason)


def test_preference_comes_before_cost_before_data_before_name() -> None:
    far = view("a-far", site="plant")
    near, cheap = view("b-near"), view("c-cheap", cost_per_hour=0.5)
    dear = [replace(one, target=replace(one.target, cost_per_hour=1.0)) for one in (far, near)]
    data = (HomedData(DataAsset("flights", ""), "onprem"),)
    ranked = place(replace(HYBRID, data=data), [*dear, cheap], NOW)
    assert [one.target for one in ranked.rulings] == ["c-cheap", "b-near", "a-far"]
    liked = replace(HYBRID, data=data, policy=PlacementPolicy(prefer=("nothing*", "a-*")))
    assert place(liked, [*dear, cheap], NOW).rulings[0].reason == "preferred by 'a-*'"


def test_no_target_is_an_answer() -> None:
    assert place(HYBRID, [], NOW).chosen is None


def test_the_nearest_to_being_eligible_says_what_helps() -> None:
    serves, drained = view("serves", roles=frozenset({Role.SERVE})), view("rack", drained="new disks")
    nowhere = place(HYBRID, (serves, drained), NOW)
    assert nowhere.chosen is None
    assert smallest_change(nowhere) == "End the drain of rack."
    assert smallest_change(place(HYBRID, (), NOW)) == ""


def test_why_not_of_an_unknown_target_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'rack'"):
        why_not(HYBRID, [RACK], NOW, "rak")
    assert why_not(HYBRID, [RACK], NOW, "rack") == ()


NIGHT = MaintenanceWindow("patching", weekdays=frozenset({0}), opens=23 * 60, closes=60)


@pytest.mark.parametrize(
    ("start", "hours", "open_"),
    [
        (datetime(2026, 1, 5, 22, tzinfo=UTC), 1, False),  # Monday, over before it opens
        (datetime(2026, 1, 5, 22, 30, tzinfo=UTC), 1, True),
        (datetime(2026, 1, 6, 0, 30, tzinfo=UTC), 1, True),  # Tuesday: Monday's window is still open
        (datetime(2026, 1, 6, 1, tzinfo=UTC), 1, False),
        (datetime(2026, 1, 6, 1, tzinfo=UTC), 24 * 7, True),  # until next Monday
        (datetime(2026, 1, 7, 1, tzinfo=UTC), 24 * 5, False),
        (datetime(2026, 1, 5, 22, tzinfo=UTC), 24 * 60, True),
    ],
)
def test_a_weekly_window_runs_past_midnight(start: datetime, hours: int, open_: bool) -> None:
    assert (opening(NIGHT, span(start, hours * 3600)) is not None) is open_


def test_a_job_without_a_limit_gets_one_hour_and_a_limit_counts() -> None:
    later = view("rack", maintenance=(MaintenanceWindow("x", NOW + timedelta(minutes=90), NOW + timedelta(hours=3)),))
    assert ruling(HYBRID, later).eligible
    assert ruling(replace(HYBRID, timeout_seconds=7200), later).rule is Rule.MAINTENANCE
    assert ruling(replace(HYBRID, timeout_seconds=1e30), later).rule is Rule.MAINTENANCE


def test_a_window_without_times_is_never_open_and_an_open_end_lasts() -> None:
    assert opening(MaintenanceWindow("x"), span(NOW, 60)) is None
    assert opening(MaintenanceWindow("x", start=NOW), span(NOW + timedelta(days=900), 60)) is not None


def test_amounts_in_words() -> None:
    assert in_words(Resources(1500, 512 << 20, 1)) == "1 GPU, 1.5 CPUs and 512 MiB memory"
    assert in_words(Resources()) == "nothing"
    assert in_words(Resources(0, 17)) == "17 B memory"
    assert slots(Resources(1000, 0, 1), Resources(8000, 0, 3)) == 3
    assert slots(Resources(1), Resources(0)) == 0
