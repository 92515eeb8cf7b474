"""What Envoy is told, as values."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from landbridge.drivers.local import xds

FILES = xds.Files(Path("/s/bootstrap.json"), Path("/s/clusters.json"), Path("/s/routes.json"), Path("/r/admin.sock"))


def host(*routed: xds.Routed) -> list[Any]:
    table: Any = xds.routes("7", routed)["resources"]
    [virtual] = table[0]["virtual_hosts"]
    found: list[Any] = virtual["routes"]
    return found


def routed(weights: dict[str, int], endpoint: str = "line") -> xds.Routed:
    return xds.Routed(endpoint, {colour: f"{endpoint}_{colour}_1" for colour in weights}, weights, 7.5)


def to_endpoint(routes: list[Any], endpoint: str = "line") -> list[Any]:
    return [route for route in routes if route["match"].get("prefix", "").startswith(f"/api/v1/endpoint/{endpoint}/")]


def test_the_routes_tell_their_own_version_before_all_else() -> None:
    first = host()[0]
    assert first["match"] == {"path": xds.VERSION_PATH}
    assert first["direct_response"] == {"status": 200, "body": {"inline_string": "7"}}


def test_a_header_picks_a_colour_before_the_weights_do() -> None:
    by_blue, by_green, by_other, by_weight = to_endpoint(host(routed({"blue": 90, "green": 10})))
    assert by_blue["match"]["headers"] == [{"name": xds.COLOUR_HEADER, "string_match": {"exact": "blue"}}]
    assert by_blue["route"]["cluster"] == "line_blue_1"
    assert by_green["route"]["cluster"] == "line_green_1"
    assert by_other["match"]["headers"] == [{"name": xds.COLOUR_HEADER, "present_match": True}]
    assert by_other["direct_response"]["status"] == 404
    weights = {item["name"]: item["weight"] for item in by_weight["route"]["weighted_clusters"]["clusters"]}
    assert weights == {"line_blue_1": 90, "line_green_1": 10}


def test_a_colour_without_traffic_is_reached_by_its_header_only() -> None:
    *_, by_weight = to_endpoint(host(routed({"blue": 100, "green": 0})))
    assert by_weight["route"]["weighted_clusters"]["clusters"] == [{"name": "line_blue_1", "weight": 100}]


def test_an_endpoint_without_traffic_says_so() -> None:
    *_, by_weight = to_endpoint(host(routed({"blue": 0})))
    assert by_weight["direct_response"]["status"] == 503
    assert "no deployment" in by_weight["direct_response"]["body"]["inline_string"].lower()


def test_what_is_no_endpoint_is_not_found() -> None:
    assert host(routed({"blue": 100}))[-1]["direct_response"]["status"] == 404


def test_only_requests_that_were_not_sent_are_sent_again() -> None:
    for route in to_endpoint(host(routed({"blue": 100}))):
        if "route" in route:
            policy = route["route"]["retry_policy"]
            assert set(policy["retry_on"].split(",")) == {"connect-failure", "refused-stream", "reset-before-request"}
            assert policy["num_retries"] == 2
            assert route["route"]["timeout"] == "7.500s"


def test_one_endpoint_never_matches_the_path_of_another() -> None:
    routes = host(routed({"blue": 100}, "line"), routed({"blue": 100}, "line-2"))
    assert not any(
        xds.endpoint_path("line-2").startswith(route["match"]["prefix"]) for route in to_endpoint(routes, "line")
    )


def test_the_router_listens_on_loopback_alone() -> None:
    boot: Any = xds.bootstrap("onprem/serving", 8191, FILES)
    [listener] = boot["static_resources"]["listeners"]
    assert listener["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 8191}}
    assert listener["enable_reuse_port"] is False
    assert boot["admin"]["address"] == {"pipe": {"path": "/r/admin.sock"}}


def test_each_process_of_a_colour_is_a_host() -> None:
    written: Any = xds.clusters("1", [xds.Upstream("line_blue_1", ("/r/0.sock", "/r/1.sock"), 2)])
    [cluster] = written["resources"]
    [locality] = cluster["load_assignment"]["endpoints"]
    paths = [item["endpoint"]["address"]["pipe"]["path"] for item in locality["lb_endpoints"]]
    assert paths == ["/r/0.sock", "/r/1.sock"]
    assert cluster["circuit_breakers"]["thresholds"][0]["max_connections"] == 2


NAMES = some.from_regex(r"[a-z][a-z0-9-]{1,8}[a-z0-9]", fullmatch=True)


@given(some.dictionaries(NAMES, some.integers(0, 100), max_size=4), NAMES)
def test_any_traffic_gives_json_that_names_only_known_clusters(weights: dict[str, int], endpoint: str) -> None:
    known = set(routed(weights, endpoint).clusters.values())
    routes = json.loads(json.dumps(host(routed(weights, endpoint))))
    for route in routes:
        action = route.get("route", {})
        split = action.get("weighted_clusters", {}).get("clusters", [])
        used = {item["name"] for item in split} | ({action["cluster"]} if "cluster" in action else set())
        assert used <= known
        assert all(item["weight"] > 0 for item in split)
