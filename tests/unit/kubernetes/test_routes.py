"""Routes: whose they are, which paths they take, what a Gateway says of them, and when a shift is proven."""

from collections.abc import Iterator
from typing import Any

import pytest

from landbridge.domain.errors import InputError, TargetUnavailableError
from landbridge.drivers.kubernetes import routes
from landbridge.drivers.kubernetes.routes import Acceptance, Backend, Gateway, acceptance, http_route, read_gateway
from landbridge.drivers.kubernetes.traffic import MOST_PROOFS, confirm, proofs
from landbridge.drivers.kubernetes.traffic_gateway import read_address

EDGE = Gateway("edge", "edges")


@pytest.mark.parametrize(
    ("option", "gateway"),
    [("", None), ("edge", Gateway("edge", "team")), ("edges/edge", EDGE)],
)
def test_a_gateway_is_named_with_or_without_its_namespace(option: str, gateway: Gateway | None) -> None:
    assert read_gateway(option, "team") == gateway


def test_a_route_takes_every_path_of_the_endpoint_and_hands_on_the_rest_of_it() -> None:
    route = http_route("line", EDGE, [Backend("blue", "line-blue", 7.4)], {"blue": 100})
    for rule in route["spec"]["rules"]:
        assert rule["matches"][0]["path"] == {"type": "PathPrefix", "value": "/api/v1/endpoint/line"}
        assert rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/"
        assert rule["timeouts"] == {"request": "8s"}
    assert route["spec"]["parentRefs"][0]["namespace"] == "edges"


def test_more_colours_than_a_route_takes_are_refused() -> None:
    many = [Backend(f"c{number:02}", f"s{number}", 1) for number in range(16)]
    with pytest.raises(InputError, match="16 colours"):
        http_route("line", EDGE, many, {})


def test_weights_of_colours_that_are_gone_are_not_written() -> None:
    route = http_route("line", EDGE, [Backend("blue", "line-blue", 1)], {"blue": 40, "gone": 60})
    assert routes.read_weights(route) == {"blue": 40}


@pytest.mark.parametrize("weights", [{"blue": 50}, {"blue": 150, "green": -50}, {"blue": 101}])
def test_traffic_that_is_neither_all_nor_nothing_is_refused(weights: dict[str, int]) -> None:
    with pytest.raises(InputError, match="0 or 100"):
        routes.check_weights("line", weights)


def said(*conditions: tuple[str, str, int, str], gateway: str = "edge") -> dict[str, Any]:
    parent = {
        "parentRef": {"name": gateway, "namespace": "edges"},
        "conditions": [
            {"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": "why"}
            for kind, status, generation, reason in conditions
        ],
    }
    return {"metadata": {"generation": 2, "namespace": "team"}, "status": {"parents": [parent]}}


GOOD = (("Accepted", "True", 2, "Accepted"), ("ResolvedRefs", "True", 2, "ResolvedRefs"))


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (said(*GOOD), Acceptance(True)),
        (said(*GOOD, gateway="other"), Acceptance(False)),
        ({"metadata": {"generation": 1}}, Acceptance(False)),
        (said(("Accepted", "True", 1, "Accepted"), ("ResolvedRefs", "True", 1, "ResolvedRefs")), Acceptance(False)),
        (said(GOOD[0], ("ResolvedRefs", "False", 2, "BackendNotFound")), Acceptance(False)),
        (said(("Accepted", "False", 2, "Pending")), Acceptance(False)),
        (said(("Accepted", "False", 2, "NotAllowedByListeners")), Acceptance(True, "NotAllowedByListeners: why")),
    ],
)
def test_what_a_gateway_says_of_a_route(route: dict[str, Any], expected: Acceptance) -> None:
    assert acceptance(route, EDGE) == expected


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ({"blue": 100}, {"green": 100}, 20),
        ({"blue": 90, "green": 10}, {"blue": 100, "green": 0}, 100),
        ({"blue": 99, "green": 1}, {"blue": 100}, MOST_PROOFS),
        ({"blue": 90, "green": 10}, {"blue": 50, "green": 50}, 20),
    ],
)
def test_a_small_share_that_is_taken_away_needs_many_proofs(
    before: dict[str, int], after: dict[str, int], count: int
) -> None:
    assert proofs(before, after) == count


def test_a_shift_is_proven_by_a_row_of_right_answers() -> None:
    answers = iter(["blue", "green", "green", "", "blue", *["green"] * 3])
    confirm(lambda: next(answers), frozenset({"green"}), 3, deadline=float("inf"))
    assert list(answers) == []


def test_no_traffic_is_proven_by_a_row_of_silence() -> None:
    answers = iter(["blue", "", "", ""])
    confirm(lambda: next(answers), frozenset(), 3, deadline=float("inf"))
    assert list(answers) == []


def test_a_shift_that_is_not_proven_in_time_is_no_success() -> None:
    def forever() -> Iterator[str]:
        while True:
            yield "blue"

    answers = forever()
    with pytest.raises(TargetUnavailableError, match="answered by blue"):
        confirm(lambda: next(answers), frozenset({"green"}), 3, deadline=0.0)


@pytest.mark.parametrize(
    ("addresses", "listeners", "url"),
    [
        ([], [("HTTP", 80)], ""),
        (["10.0.0.1"], [], ""),
        (["10.0.0.1"], [("HTTP", 80)], "http://10.0.0.1"),
        (["10.0.0.1"], [("TCP", 1), ("HTTP", 8080)], "http://10.0.0.1:8080"),
        (["a.example"], [("HTTPS", 443)], "https://a.example"),
        (["fd00::1"], [("HTTP", 8080)], "http://[fd00::1]:8080"),
    ],
)
def test_the_address_of_a_gateway(addresses: list[str], listeners: list[tuple[str, int]], url: str) -> None:
    gateway = {
        "spec": {"listeners": [{"protocol": protocol, "port": port} for protocol, port in listeners]},
        "status": {"addresses": [{"value": value} for value in addresses]},
    }
    assert read_address(gateway) == url
