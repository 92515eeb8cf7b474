"""No allowed movement, and no placement, puts resident data or what is derived from it outside its residency."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.capacity import Capacity
from landbridge.domain.inventory import Role, Site, Target
from landbridge.domain.placement import PlacementRequest, TargetView, place
from landbridge.domain.residency import (
    Border,
    HomedData,
    MovementKind,
    exportable_metrics,
    misplaced,
    must_strip,
    placement_allowed,
    rule_movement,
)
from landbridge.domain.scenario import DataAsset, Exports
from landbridge.domain.values import Pattern, SiteKind

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SITES = ("azure", "cloud", "plant", "onprem")  # two are called like kinds, on purpose
KINDS = st.sampled_from(SiteKind)

data_sets = st.lists(
    st.builds(
        lambda name, residency, home: HomedData(DataAsset(name, "", residency), home),
        st.sampled_from(["flights", "weather", "crew"]),
        st.frozensets(st.sampled_from([*SITES, *SiteKind]), max_size=2),
        st.sampled_from(SITES),
    ),
    max_size=3,
    unique_by=lambda item: item.asset.name,
)


@st.composite
def borders(draw: st.DrawFn) -> Border:
    kinds = frozenset(MovementKind)
    sites = {
        name: Site(name, draw(KINDS), "", "", 0, exports=draw(st.sampled_from([kinds, kinds, frozenset()])))
        for name in SITES
    }
    ends = st.sampled_from([*SITES, *SITES, "nowhere"])
    return Border(
        draw(ends), draw(ends), sites, draw(st.builds(Exports, st.booleans(), st.sampled_from([(), ("mae",)])))
    )


@given(
    st.sampled_from(MovementKind), st.sampled_from(["flights", "weather", "mae", "rows", "model"]), data_sets, borders()
)
def test_nothing_resident_crosses_unless_the_scenario_exports_it(
    kind: MovementKind, name: str, data: list[HomedData], border: Border
) -> None:
    ruling = rule_movement(kind, name, data, border)
    assert ruling.rule
    if not ruling.allowed or border.from_site == border.to_site or kind is MovementKind.CODE:
        return
    to = border.sites[border.to_site]
    sources = [item for item in data if item.asset.name == name] or data
    inside = all(placement_allowed(item.asset, to.name, to.kind) for item in sources)
    exported = (kind is MovementKind.METRICS and name in border.exports.metrics) or (
        kind is MovementKind.MODEL and border.exports.model and must_strip(data, border)
    )
    everything_inside = all(placement_allowed(item.asset, to.name, to.kind) for item in data)
    assert (inside if kind is MovementKind.DATA else everything_inside) or exported


@given(st.sampled_from(MovementKind), data_sets, borders())
def test_it_policy_can_forbid_every_kind(kind: MovementKind, data: list[HomedData], border: Border) -> None:
    if border.from_site in border.sites and kind not in border.sites[border.from_site].exports:
        assert rule_movement(kind, "x", data, border).allowed is (border.from_site == border.to_site)


@given(data_sets, borders())
def test_a_site_that_is_not_in_the_inventory_gets_and_gives_nothing(data: list[HomedData], border: Border) -> None:
    if "nowhere" in (border.from_site, border.to_site):
        assert not any(rule_movement(kind, "x", data, border).allowed for kind in MovementKind)


@given(data_sets, borders())
def test_logs_never_leave_the_residency_of_any_data(data: list[HomedData], border: Border) -> None:
    if must_strip(data, border):
        assert not rule_movement(MovementKind.LOGS, "train", data, border).allowed


@given(data_sets, borders())
def test_only_named_metrics_are_exported(data: list[HomedData], border: Border) -> None:
    crossing = exportable_metrics(("mae", "rows"), data, border)
    if must_strip(data, border):
        assert set(crossing) <= set(border.exports.metrics)


@given(data_sets, st.sampled_from(Pattern), st.dictionaries(st.sampled_from(SITES), KINDS, min_size=1))
def test_placement_never_breaks_residency(data: list[HomedData], pattern: Pattern, kinds: dict[str, SiteKind]) -> None:
    views = [
        TargetView(Target(f"t-{site}", site, "memory", frozenset({Role.TRAIN}), "c", private=True), kind, Capacity())
        for site, kind in kinds.items()
    ]
    placement = place(PlacementRequest(pattern, data=tuple(data), sites=kinds), views, NOW)
    for ruling in placement.rulings:
        if ruling.eligible:
            assert all(placement_allowed(item.asset, ruling.site, kinds[ruling.site]) for item in data)


@given(data_sets, st.dictionaries(st.sampled_from(SITES), KINDS, min_size=4))
def test_data_whose_home_is_outside_its_residency_is_named(data: list[HomedData], kinds: dict[str, SiteKind]) -> None:
    wrong = [item for item in data if not placement_allowed(item.asset, item.home, kinds[item.home])]
    assert len(misplaced(data, kinds)) == len(wrong)
