"""Traffic written is traffic read, whatever the colours and the percentages; and it sums to 0 or 100."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from landbridge.drivers.kubernetes.routes import (
    COLOUR,
    MOST_COLOURS,
    Backend,
    Gateway,
    acceptance,
    flip_service,
    http_route,
    read_flip,
    read_services,
    read_weights,
)

GATEWAY = Gateway("edge", "edges")
names = st.from_regex(r"[a-z][a-z0-9]{2,10}", fullmatch=True)


@st.composite
def traffics(draw: st.DrawFn) -> dict[str, int]:
    """Percentages of up to as many colours as a route takes."""
    colours = draw(st.lists(names, min_size=1, max_size=MOST_COLOURS, unique=True))
    if draw(st.booleans()):
        return dict.fromkeys(colours, 0)
    cuts = sorted([0, *draw(st.lists(st.integers(0, 100), min_size=len(colours) - 1, max_size=len(colours) - 1)), 100])
    return {colour: high - low for colour, low, high in zip(colours, cuts, cuts[1:], strict=False)}


def backends(weights: dict[str, int]) -> list[Backend]:
    return [Backend(colour, f"line-{colour}", 7.5) for colour in weights]


@given(traffics())
def test_weights_written_are_weights_read(weights: dict[str, int]) -> None:
    route = http_route("line", GATEWAY, backends(weights), weights)
    assert read_weights(route) == weights
    assert sum(read_weights(route).values()) in (0, 100)
    assert read_services(route) == {colour: f"line-{colour}" for colour in weights}


@given(traffics())
def test_every_colour_has_one_rule_of_its_own_and_only_traffic_stands_in_the_first(weights: dict[str, int]) -> None:
    first, *rest = http_route("line", GATEWAY, backends(weights), weights)["spec"]["rules"]
    assert "headers" not in first["matches"][0]
    assert len(first.get("backendRefs", [])) == sum(1 for weight in weights.values() if weight)
    assert [rule["matches"][0]["headers"][0]["value"] for rule in rest] == list(weights)


@given(traffics(), names)
def test_a_new_colour_leaves_the_rule_that_carries_traffic_as_it_is(weights: dict[str, int], new: str) -> None:
    known = backends(weights)
    before = http_route("line", GATEWAY, known, weights)["spec"]["rules"]
    more = [*known, Backend(new, f"line-{new}", 7.5)][:MOST_COLOURS]
    after = http_route("line", GATEWAY, {item.colour: item for item in more}.values(), weights)["spec"]["rules"]
    assert after[0] == before[0]
    assert after[: len(before)] == before


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.integers(-1, 3))
def test_a_flip_written_is_a_flip_read(colours: list[str], chosen: int) -> None:
    weights = {colour: 100 if place == chosen else 0 for place, colour in enumerate(colours)}
    service = flip_service("line", weights, "http")
    assert read_flip(service, colours) == weights
    assert (COLOUR in service["spec"]["selector"]) == any(weights.values())


parents = st.lists(
    st.fixed_dictionaries(
        {
            "parentRef": st.fixed_dictionaries(
                {"name": st.sampled_from(["edge", "other"]), "namespace": st.just("edges")}
            ),
            "conditions": st.lists(
                st.fixed_dictionaries(
                    {
                        "type": st.sampled_from(["Accepted", "ResolvedRefs"]),
                        "status": st.sampled_from(["True", "False", "Unknown"]),
                        "observedGeneration": st.integers(1, 3),
                        "reason": st.sampled_from(["Accepted", "NotAllowedByListeners", "Pending", "BackendNotFound"]),
                    }
                ),
                max_size=3,
            ),
        }
    ),
    max_size=3,
)


@given(parents)
def test_a_route_is_taken_up_only_by_its_own_gateway_and_generation(found: list[dict[str, Any]]) -> None:
    route = {"metadata": {"generation": 2, "namespace": "team"}, "status": {"parents": found}}
    said = acceptance(route, GATEWAY)
    of_this = [
        condition
        for parent in found
        if parent["parentRef"]["name"] == "edge"
        for condition in parent["conditions"]
        if condition["observedGeneration"] >= 2
    ]
    if said.done:
        assert of_this
    if not of_this:
        assert not said.done
