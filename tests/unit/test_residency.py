"""Residency: the five kinds of movement, and who set the rule."""

import pytest

from landbridge.domain.inventory import Site
from landbridge.domain.plan import MovementKind as PlannedKind
from landbridge.domain.residency import Border, HomedData, MovementKind, exportable_metrics, must_strip, rule_movement
from landbridge.domain.scenario import DataAsset, Exports
from landbridge.domain.values import SiteKind

NOTHING = Exports()
FLIGHTS = HomedData(DataAsset("flights", "", frozenset({"onprem"})), "plant")
WEATHER = HomedData(DataAsset("weather", ""), "azure")


def border(exports: Exports = NOTHING, out: frozenset[str] = frozenset(MovementKind)) -> Border:
    sites = {
        "plant": Site("plant", SiteKind.ONPREM, "", "", 0, exports=out),
        "depot": Site("depot", SiteKind.ONPREM, "", "", 0),
        "azure": Site("azure", SiteKind.CLOUD, "", "", 0),
    }
    return Border("plant", "azure", sites, exports)


@pytest.mark.parametrize(
    ("kind", "name", "allowed", "said"),
    [
        (MovementKind.DATA, "flights", False, "data.flights.residency"),
        (MovementKind.DATA, "weather", True, "no data has a residency"),
        (MovementKind.DATA, "prepared", False, "data.flights.residency"),
        (MovementKind.METRICS, "mae", True, "exports.metrics"),
        (MovementKind.METRICS, "worst_row", False, "not named in the scenario's exports.metrics"),
        (MovementKind.MODEL, "delay", True, "stripped of samples"),
        (MovementKind.LOGS, "train", False, "may hold rows"),
        (MovementKind.CODE, "code", True, "derived from no data"),
    ],
)
def test_each_kind_of_movement_names_its_rule(kind: MovementKind, name: str, allowed: bool, said: str) -> None:
    ruling = rule_movement(kind, name, [FLIGHTS, WEATHER], border(Exports(True, ("mae",))))
    assert ruling.allowed is allowed
    assert said in ruling.rule


def test_a_model_stays_unless_exported() -> None:
    ruling = rule_movement(MovementKind.MODEL, "delay", [FLIGHTS], border())
    assert not ruling.allowed
    assert "exports.model is off" in ruling.rule


def test_within_the_residency_everything_moves_whole() -> None:
    inside = Border("plant", "depot", border().sites)
    assert all(rule_movement(kind, "flights", [FLIGHTS], inside).allowed for kind in MovementKind)
    assert not must_strip([FLIGHTS], inside)


def test_it_policy_beats_the_scenarios_exports() -> None:
    ruling = rule_movement(MovementKind.MODEL, "delay", [], border(Exports(True), out=frozenset({"code"})))
    assert not ruling.allowed
    assert "sites.plant.exports" in ruling.rule


def test_a_model_that_leaves_is_stripped_and_takes_only_named_metrics() -> None:
    leaving = border(Exports(True, ("mae",)))
    assert must_strip([FLIGHTS], leaving)
    assert exportable_metrics(("rows", "mae"), [FLIGHTS], leaving) == ("mae",)
    assert exportable_metrics(("rows", "mae"), [WEATHER], leaving) == ("rows", "mae")


def test_the_plan_speaks_of_the_same_kinds() -> None:
    assert PlannedKind is MovementKind
