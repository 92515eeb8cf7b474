"""Serving on a real cluster beyond the contract: redeploys under load, failures with the cluster's own reason, no Gateway."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge import drivers
from landbridge.domain.errors import CapabilityMissingError
from landbridge.domain.requests import ColourSpec, ColourStatus, ResolvedEnvironment
from landbridge.domain.scenario import ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase
from tests.cluster.clusters import Clusters, eventually, named, unique
from tests.cluster.load import under_load
from tests.cluster.teams import TARGET, Team, a_team
from tests.services.tiny_models import line

BODY = '{"dataframe_split": {"columns": ["x"], "data": [[2.0]]}}'
PER_SECOND = 40.0
SWAPS, REDEPLOYS = 10, 3
READY_SECONDS = 150.0  # a pod imports MLflow from nothing, on a machine that others use
FAILED_SECONDS = 20.0
SMALL = ServingSettings(instance_type="small", max_concurrent_requests_per_instance=8)


@pytest.fixture(scope="module")
def team(lab: Clusters) -> Iterator[Team]:
    with a_team(lab.onprem) as made:
        yield made


@pytest.fixture
def connect(team: Team, tmp_path: Path) -> Callable[..., Any]:
    def to(**changes: Any) -> Any:
        inventory = team.inventory(tmp_path, **changes)
        return drivers.serving_target(inventory.targets[TARGET], inventory)

    return to


@pytest.fixture
def endpoint(team: Team) -> Iterator[str]:
    """A name of its own; its pods end with the test, for the node is small."""
    name = unique("line")
    yield name
    team.cluster.kubectl(
        "delete", "deployment,httproute", "-n", team.namespace, "-l", f"landbridge.io/endpoint={name}", "--wait=false"
    )


def spec(endpoint: str, colour: str = "blue", slope: float = 1.0, **changes: Any) -> ColourSpec:
    url, digest = line(slope)
    made = ColourSpec(endpoint, colour, "line", f"{slope:g}", url, digest, ResolvedEnvironment("any", "current"), SMALL)
    return replace(made, **changes)


def settled(target: Any, endpoint: str, colour: str, seconds: float = READY_SECONDS) -> ColourStatus:
    found: ColourStatus = eventually(
        lambda: target.observe(endpoint).colours[colour], lambda item: item.phase is not ColourPhase.PENDING, seconds
    )
    return found


def serve(target: Any, made: ColourSpec) -> float:
    """Apply, wait until it is Ready; returns the seconds."""
    began = time.monotonic()
    target.apply(made)
    status = settled(target, made.endpoint, made.colour)
    assert status.phase is ColourPhase.READY, status.reason
    return time.monotonic() - began


def say(words: str) -> None:
    sys.stderr.write(f"\n{words}\n")


def test_ten_swaps_under_load_lose_no_request(connect: Callable[..., Any], endpoint: str) -> None:
    target = connect()
    seconds = [serve(target, spec(endpoint)), serve(target, spec(endpoint, "green", 2.0))]
    target.shift(endpoint, {"blue": 100})
    last, took = [], []
    with under_load(target.observe(endpoint).url, BODY, PER_SECOND) as load:
        for number in range(SWAPS):
            old, new = ("blue", "green") if number % 2 == 0 else ("green", "blue")
            time.sleep(1.0)
            began = time.monotonic()
            target.shift(endpoint, {new: 100, old: 0})
            returned = time.monotonic()
            time.sleep(1.0)
            last.append(load.last_of(old, began))
            took.append(returned - began)
            assert load.last_of(old, returned + 0.2) == 0, f"swap {number}: {old} answers after the shift returned"
    say(
        f"swaps: {len(load.answers)} requests, {len(load.failed)} failed; p50 {load.quantile_ms(0.5):.1f} ms, "
        f"p99 {load.quantile_ms(0.99):.1f} ms, worst {load.worst_ms():.1f} ms; last old answer after "
        f"{max(last):.2f} s at most, shift returned after {max(took):.2f} s at most; Ready after {seconds}"
    )
    assert load.failed == []
    assert len(load.answers) > SWAPS * PER_SECOND


@pytest.mark.slow
def test_an_autoscaler_holds_the_smallest_number_and_a_second_apply_leaves_its_work(
    connect: Callable[..., Any], endpoint: str, team: Team
) -> None:
    """The lab has no metrics server: the controller scales to the lower end without one, and no further."""
    target = connect()
    scaled = replace(SMALL, scale_type="target_utilization", min_instances=2, max_instances=3)
    made = spec(endpoint, settings=scaled)
    serve(target, made)
    for _ in range(2):
        found = team.cluster.get("deployment,hpa", "-n", team.namespace, "-l", f"landbridge.io/endpoint={endpoint}")
        deployment, autoscaler = sorted(found["items"], key=lambda item: str(item["kind"]))
        assert deployment["status"]["readyReplicas"] == deployment["spec"]["replicas"] == 2
        assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (2, 3)
        target.apply(made)


@pytest.mark.slow
def test_redeploys_under_load_lose_no_request(connect: Callable[..., Any], endpoint: str) -> None:
    """Beside, shift, remove the old one: as a release does."""
    target = connect()
    serve(target, spec(endpoint))
    target.shift(endpoint, {"blue": 100})
    seconds = []
    with under_load(target.observe(endpoint).url, BODY, PER_SECOND / 2) as load:
        for number in range(REDEPLOYS):
            old, new = ("blue", "green") if number % 2 == 0 else ("green", "blue")
            began = time.monotonic()
            serve(target, spec(endpoint, new, 2.0 + number))
            assert target.predict(endpoint, new, BODY, 5.0).status == 200
            target.shift(endpoint, {old: 50, new: 50})
            target.shift(endpoint, {old: 0, new: 100})
            target.remove(endpoint, old)
            seconds.append(time.monotonic() - began)
        time.sleep(8.0)  # until the pods of the last one are gone
    say(
        f"redeploys: {len(load.answers)} requests, {len(load.failed)} failed, worst {load.worst_ms():.1f} ms; "
        f"seconds each: {[round(item, 1) for item in seconds]}"
    )
    assert load.failed == []


@pytest.mark.slow
def test_a_pod_that_is_deleted_fails_no_request(team: Team, connect: Callable[..., Any], endpoint: str) -> None:
    target = connect()
    two = replace(SMALL, instance_count=2)
    serve(target, spec(endpoint, settings=two))
    target.shift(endpoint, {"blue": 100})
    with under_load(target.observe(endpoint).url, BODY, PER_SECOND / 2) as load:
        time.sleep(1.0)
        listed = team.cluster.get("pods", "-n", team.namespace, "-l", f"landbridge.io/endpoint={endpoint}")
        team.cluster.kubectl(
            "delete", "pod", listed["items"][0]["metadata"]["name"], "-n", team.namespace, "--wait=false"
        )
        time.sleep(10.0)
    assert load.failed == []
    assert target.observe(endpoint).traffic == {"blue": 100}


def test_counts_are_those_of_all_pods(connect: Callable[..., Any], endpoint: str) -> None:
    target = connect()
    serve(target, spec(endpoint, settings=replace(SMALL, instance_count=2)))
    for _ in range(20):
        target.predict(endpoint, "blue", BODY, 5.0)
    assert target.counts(endpoint)["blue"].answered == 20
    assert target.counts(endpoint)["blue"].mean_milliseconds > 0


FAILURES = [
    ("image", {"environment": ResolvedEnvironment("far", image="landbridge.test/far:1")}, "ImagePullBackOff"),
    ("node", {"settings": replace(SMALL, instance_type="lost")}, "Unschedulable"),
    ("digest", {"model_digest": "sha256:0"}, "DigestMismatch"),
]


@pytest.mark.parametrize(("changes", "reason"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_what_cannot_heal_fails_within_seconds(
    connect: Callable[..., Any], endpoint: str, changes: dict[str, Any], reason: str
) -> None:
    target = connect()
    began = time.monotonic()
    target.apply(spec(endpoint, **changes))
    status = settled(target, endpoint, "blue", FAILED_SECONDS)
    say(f"{reason} after {time.monotonic() - began:.1f} s: {status.reason}")
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith(reason)


def test_an_image_that_no_registry_has_fails_within_seconds(connect: Callable[..., Any], endpoint: str) -> None:
    target = connect(image_pull_policy="IfNotPresent")
    target.apply(spec(endpoint, environment=ResolvedEnvironment("far", image="landbridge.test/far:1")))
    status = settled(target, endpoint, "blue", 90.0)
    say(status.reason)
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith("ImagePullBackOff")


def test_a_model_that_cannot_load_fails_with_its_own_words(
    connect: Callable[..., Any], endpoint: str, tmp_path: Path
) -> None:
    from landbridge.drivers.trees import digest_folder

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {python_function: {loader_module: no_such_loader}}\n")
    target = connect()
    target.apply(spec(endpoint, model_url=str(folder), model_digest=digest_folder(folder)))
    status = settled(target, endpoint, "blue", 90.0)
    assert status.phase is ColourPhase.FAILED
    assert "no_such_loader" in status.reason


def test_scoring_code_answers_in_a_pod(connect: Callable[..., Any], endpoint: str, tmp_path: Path) -> None:
    from landbridge.drivers.trees import digest_folder

    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "score.py").write_text("def init(): ...\ndef run(raw_data): return [raw_data]\n")
    target = connect()
    target.apply(spec(endpoint, scoring=ScoringCode(str(folder), "score.py", digest_folder(folder))))
    status = settled(target, endpoint, "blue")
    assert status.phase is ColourPhase.READY, status.reason
    answer = target.predict(endpoint, "blue", '"seven"', 5.0)
    assert (answer.status, "seven" in answer.body) == (200, True)


def test_a_quota_that_lets_no_pod_in_is_the_reason(team: Team, connect: Callable[..., Any], endpoint: str) -> None:
    team.cluster.apply({**named("ResourceQuota", "none", team.namespace), "spec": {"hard": {"pods": "0"}}})
    try:
        target = connect()
        target.apply(spec(endpoint))
        status = settled(target, endpoint, "blue", FAILED_SECONDS)
    finally:
        team.cluster.kubectl("delete", "resourcequota", "none", "-n", team.namespace)
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith("QuotaExceeded")


def test_without_a_gateway_traffic_flips_as_a_whole(connect: Callable[..., Any], endpoint: str) -> None:
    target = connect(gateway=None)
    serve(target, spec(endpoint))
    serve(target, spec(endpoint, "green", 2.0))
    target.shift(endpoint, {"blue": 100})
    assert target.observe(endpoint).traffic == {"blue": 100, "green": 0}
    assert {target.predict(endpoint, "", BODY, 5.0).colour for _ in range(5)} == {"blue"}
    assert target.predict(endpoint, "green", BODY, 5.0).colour == "green"
    began = time.monotonic()
    target.shift(endpoint, {"green": 100})
    say(f"flip in {time.monotonic() - began:.2f} s")
    assert {target.predict(endpoint, "", BODY, 5.0).colour for _ in range(5)} == {"green"}
    assert target.counts(endpoint)["green"].answered == 6
    with pytest.raises(CapabilityMissingError):
        target.shift(endpoint, {"blue": 50, "green": 50})


def test_what_serves_has_two_writers_in_turn(connect: Callable[..., Any], endpoint: str) -> None:
    """A second writer sees the first one's work, and neither takes the other's colour away."""
    one, other = connect(), connect()
    one.apply(spec(endpoint))
    other.apply(spec(endpoint, "green", 2.0))
    assert set(one.observe(endpoint).colours) == {"blue", "green"}
    one.apply(spec(endpoint))
    assert set(other.observe(endpoint).traffic) == {"blue", "green"}
