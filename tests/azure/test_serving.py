"""Serving from Azure beyond the contract: what is made of a colour, what fails and why, faults on the way, and kills."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.azure.online import (
    DEPLOYMENTS_OF_A_REGION,
    DEPLOYMENTS_OF_AN_ENDPOINT,
    ENDPOINTS_OF_A_CLUSTER,
    ENDPOINTS_OF_A_REGION,
)
from landbridge.domain.errors import (
    AuthError,
    CapabilityMissingError,
    ConflictError,
    InputError,
    LandbridgeError,
    PermanentError,
    QuotaExceededError,
    TransientError,
)
from landbridge.domain.requests import ResolvedEnvironment
from landbridge.domain.scenario import ServingSettings
from landbridge.domain.values import ColourPhase
from landbridge.drivers.azureml import serving_making, serving_notes
from tests.azure.double.clusters import DEFAULT_TYPE
from tests.azure.double.double import Double
from tests.azure.serving import (
    ENDPOINT,
    KUBERNETES,
    MANAGED,
    PLACES,
    SCORE,
    TARGET,
    Line,
    deployments,
    inventory,
    prepare,
)

ROOT = Path(__file__).parents[2]
NEVER = 100_000
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture
def make_line(azure: Double, tmp_path: Path) -> Callable[..., Line]:
    """An endpoint on `place`; `more` are options of the target."""
    prepare(azure)

    def make(place: str = KUBERNETES, script: str = SCORE, **more: Any) -> Line:
        return Line(tmp_path, inventory(azure.places, tmp_path, place, **more), script)

    return make


@pytest.fixture
def line(make_line: Callable[..., Line]) -> Line:
    return make_line()


def models(azure: Double, name: str = "line") -> list[str]:
    return [one["name"] for one in azure.world.resources.children(azure.world.ml("models/versions", name))]


@pytest.mark.parametrize("place", PLACES)
def test_a_script_serves_with_the_models_own_folder(azure: Double, make_line: Callable[..., Line], place: str) -> None:
    """As on every driver: Azure itself would put the folder one level deeper."""
    line = make_line(place)
    line.serve(line.spec(slope=3))
    assert line.answer() == [6.0]


def test_the_model_in_the_workspace_tells_where_it_comes_from(azure: Double, line: Line) -> None:
    spec = line.spec(slope=3, labels={"landbridge.run-key": "key"})
    line.serve(spec)
    [model] = azure.world.resources.children(azure.world.ml("models/versions", "line"))
    assert model["name"] == "3"
    said = model["properties"]
    assert said["modelType"] == "custom_model"
    told = {"landbridge.run-key": "key", "landbridge.digest": spec.model_digest, "landbridge.version": "3"}
    assert told.items() <= said["tags"].items()


def test_the_same_bytes_are_registered_once(azure: Double, line: Line) -> None:
    line.serve(line.spec("blue", 3))
    line.settled(line.spec("green", 3))
    assert models(azure) == ["3"]
    assert len([*azure.record.asked("PUT", "/models/line/")]) == 1
    assert len({one["properties"]["codeConfiguration"]["codeId"] for one in deployments(azure).values()}) == 1


def test_a_number_that_is_taken_by_other_bytes_is_left_alone(azure: Double, line: Line) -> None:
    line.settled(line.spec("blue", 3))
    line.settled(replace(line.spec("green", 4), version="3"))
    assert models(azure)[0] == "3"
    assert len(models(azure)) == 2
    assert line.answer("green") == [8.0]


def test_settings_reach_azure_as_they_are_written(azure: Double, line: Line) -> None:
    settings = ServingSettings(
        instance_type="big", request_timeout_ms=2500, max_queue_wait_ms=1500, max_concurrent_requests_per_instance=2,
        environment_variables={"A": "b"}, scale_type="target_utilization", min_instances=1, max_instances=3, polling_interval=5,
    )  # fmt: skip
    line.settled(line.spec(settings=settings))
    said = deployments(azure)["blue"]["properties"]
    requests = {"requestTimeout": "PT2.5S", "maxQueueWait": "PT1.5S", "maxConcurrentRequestsPerInstance": 2}
    assert (said["instanceType"], said["requestSettings"]) == ("big", requests)
    assert said["scaleSettings"]["pollingInterval"] == "PT5S"
    assert said["environmentVariables"].items() >= {"A": "b", "WORKER_COUNT": "2"}.items()
    assert said["livenessProbe"]["initialDelay"] == "PT10S"


def test_another_instance_type_is_another_deployment(azure: Double, line: Line) -> None:
    """Azure changes none in place."""
    line.settled(line.spec())
    line.settled(line.spec(settings=ServingSettings(instance_type="big")))
    assert deployments(azure)["blue"]["properties"]["instanceType"] == "big"
    assert len([*azure.record.asked("DELETE", "/deployments/blue")]) == 1


def test_an_endpoint_is_made_without_traffic_and_changed_whole(azure: Double, line: Line) -> None:
    line.serve(line.spec())
    asked = azure.record.asked("PUT", f"/onlineEndpoints/{ENDPOINT}")
    first, second = (one for one in asked if one.path.endswith(ENDPOINT))
    assert [one.sent["properties"]["traffic"] for one in (first, second) if isinstance(one.sent, dict)] == [
        {},
        {"blue": 100},
    ]
    assert isinstance(second.sent, dict)
    assert second.sent["tags"] == {"landbridge.target": TARGET}


@pytest.mark.parametrize("mode", ["key", "aml_token", "aad_token"])
def test_every_mode_of_authentication_lets_us_in(azure: Double, make_line: Callable[..., Line], mode: str) -> None:
    line = make_line(MANAGED, auth_mode=mode)
    line.settled(line.spec())
    assert line.answer("blue") == [2.0]


def test_a_key_that_was_renewed_is_read_again(azure: Double, line: Line) -> None:
    line.settled(line.spec())
    assert line.answer("blue") == [2.0]
    azure.endpoints.renew(ENDPOINT)
    assert line.answer("blue") == [2.0]


def test_no_key_gets_into_an_error_or_a_file(azure: Double, line: Line) -> None:
    line.settled(line.spec())
    line.answer("blue")
    keys = azure.endpoints.keys(ENDPOINT).values()
    azure.faults.add("POST", "/score", status=401, times=None)
    with pytest.raises(AuthError) as caught:
        line.answer("blue")
    words = "\n".join([repr(caught.value), *(path.read_text() for path in line.home.rglob("*.json"))])
    assert not any(key in words for key in keys)


FAILURES = [
    ("def init():\n    raise ValueError('no weights')\ndef run(data): ...\n", "no weights"),
    ("import no_such_package\ndef init(): ...\ndef run(data): ...\n", "no_such_package"),
]


@pytest.mark.parametrize(("script", "words"), FAILURES)
def test_a_script_that_fails_says_why(azure: Double, make_line: Callable[..., Line], script: str, words: str) -> None:
    line = make_line(script=script)
    status = line.settled(line.spec())
    assert (status.phase, words in status.reason) == (ColourPhase.FAILED, True), status


@pytest.mark.parametrize(("script", "words"), FAILURES)
def test_without_the_note_the_log_tells_why(
    azure: Double, make_line: Callable[..., Line], script: str, words: str
) -> None:
    """Of another machine, or after a kill between Azure's answer and the note."""
    line = make_line(script=script)
    line.settled(line.spec())
    for path in (line.home / "sites").rglob("blue.json"):
        path.unlink()
    assert words in line.status().reason


def test_a_damaged_model_is_found_where_it_serves(azure: Double, line: Line) -> None:
    line.settled(line.spec("blue", 3))
    for container in azure.world.blobs.containers.values():
        for name, blob in container.blobs.items():
            if name.endswith("/slope"):
                blob.data = b"9"
    status = line.settled(line.spec("green", 3))
    assert status.phase is ColourPhase.FAILED
    assert "DigestMismatch" in status.reason


def test_azures_limit_of_20_minutes_is_read(azure: Double, make_line: Callable[..., Line]) -> None:
    azure.deployments.limit_seconds = 0.5
    line = make_line(script="import time\ndef init():\n    time.sleep(60)\ndef run(data): ...\n")
    status = line.settled(line.spec())
    assert status.phase is ColourPhase.FAILED
    assert "limit of 20 minutes" in status.reason


def test_the_limit_is_ours_too_when_azure_says_nothing(
    azure: Double, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = azure.faults.add("PUT", "/deployments/blue", operation_held=True)
    line.target.apply(line.spec())
    assert line.status().phase is ColourPhase.PENDING
    monkeypatch.setattr("landbridge.drivers.azureml.serving_reading.LIMIT_SECONDS", -NEVER)
    assert line.status().reason.startswith("StartTimeout")
    held.release()


@pytest.mark.parametrize(
    ("status", "again"), [(400, PermanentError), (403, AuthError), (409, ConflictError), (412, ConflictError)]
)
def test_a_refusal_leaves_and_the_next_call_goes_on(
    azure: Double, line: Line, status: int, again: type[LandbridgeError]
) -> None:
    azure.faults.add("PUT", "/deployments/blue", status=status)
    with pytest.raises(again) as caught:
        line.target.apply(line.spec())
    assert caught.value.hint
    line.serve(line.spec())
    assert line.answer() == [2.0]
    assert (len(deployments(azure)), models(azure)) == (1, ["1"])


@pytest.mark.parametrize(
    "fault", [{"status": 429, "retry_after": 1}, {"status": 500}, {"status": 503}, {"half": True}, {"lose": True}]
)
@pytest.mark.parametrize("pattern", ["/models/line/", rf"/onlineEndpoints/{ENDPOINT}\?", "/deployments/blue"])
def test_what_may_heal_is_done_once(azure: Double, line: Line, pattern: str, fault: dict[str, Any]) -> None:
    """An answer that is lost may hide that it was done."""
    azure.faults.add("PUT", pattern, **fault)
    for _ in range(2):
        try:
            line.target.apply(line.spec())
        except TransientError:
            continue
        break
    line.serve(line.spec())
    assert line.answer() == [2.0]
    assert (len(deployments(azure)), models(azure)) == (1, ["1"])


def test_an_endpoint_that_azure_fails_to_make_is_made_by_the_next_call(azure: Double, line: Line) -> None:
    azure.faults.add("PUT", f"/onlineEndpoints/{ENDPOINT}", operation_fails=("InternalServerError", "a fault of ours"))
    with pytest.raises(TransientError, match="a fault of ours"):
        line.target.apply(line.spec())
    line.serve(line.spec())
    assert line.answer() == [2.0]


def test_a_shift_returns_when_azure_has_done_it(azure: Double, line: Line) -> None:
    line.serve(line.spec())
    line.settled(line.spec("green", 2))
    azure.faults.add("PUT", f"/onlineEndpoints/{ENDPOINT}", operation_seconds=1.0)
    line.target.shift(ENDPOINT, {"green": 100})
    assert line.target.observe(ENDPOINT).traffic == {"blue": 0, "green": 100}


def test_whoever_comes_meanwhile_waits_and_then_is_told(
    azure: Double, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.serve(line.spec())
    monkeypatch.setattr(serving_making, "TURN_SECONDS", 0.2)
    held = azure.faults.add("PUT", "/deployments/green", operation_held=True)
    line.target.apply(line.spec("green", 2))
    with pytest.raises(ConflictError, match="Another operation"):
        line.target.shift(ENDPOINT, {})
    assert line.answer() == [2.0]
    held.release()


def test_what_somebody_else_made_is_left_alone(azure: Double, line: Line) -> None:
    line.serve(line.spec())
    azure.world.resources.get(azure.world.ml("onlineEndpoints", ENDPOINT))["tags"] = {}
    assert line.target.observe(ENDPOINT).colours == {}
    assert line.target.endpoints() == ()
    line.target.remove(ENDPOINT, "blue")
    with pytest.raises(PermanentError, match="did not make it"):
        line.target.apply(line.spec("green", 2))
    assert list(deployments(azure)) == ["blue"]
    assert [item.field for item in line.target.foresee(line.spec())] == ["endpoint.name"]


def fill(azure: Double, kind: str, count: int, endpoint: str = ENDPOINT) -> None:
    """As many endpoints of the compute, or deployments of the endpoint, as Azure gives."""
    compute = azure.world.ml("computes", "k8s")
    for number in range(count):
        names = (f"other-{number}",) if kind == "onlineEndpoints" else (endpoint, f"other-{number}")
        properties = {"provisioningState": "Succeeded", "compute": compute, "traffic": {}, "authMode": "Key"}
        if kind != "onlineEndpoints":
            properties = {"provisioningState": "Succeeded", "endpointComputeType": "Kubernetes"}
        azure.world.add(kind, names, properties, location=azure.places.region)


def test_a_full_cluster_refuses_before_anything_is_made(azure: Double, line: Line) -> None:
    fill(azure, "onlineEndpoints", ENDPOINTS_OF_A_CLUSTER)
    [finding] = line.target.foresee(line.spec())
    assert "60 endpoints" in finding.detail
    with pytest.raises(QuotaExceededError, match="60 endpoints"):
        line.target.apply(line.spec())
    assert not [one for one in azure.record.exchanges if one.method in ("PUT", "PATCH", "DELETE")]


def test_a_cluster_full_of_deployments_refuses_another_colour_of_any_endpoint(azure: Double, line: Line) -> None:
    line.serve(line.spec())
    fill(azure, "onlineEndpoints", 5)
    for number in range(5):
        fill(azure, "onlineEndpoints/deployments", DEPLOYMENTS_OF_AN_ENDPOINT, f"other-{number}")
    assert line.target.foresee(line.spec("blue")) == ()  # it is one of those that are there
    with pytest.raises(QuotaExceededError, match="101 deployments"):
        line.target.apply(line.spec("green", 2))
    azure.world.resources.remove(azure.world.ml("onlineEndpoints/deployments", "other-4", "other-0"))
    azure.world.resources.remove(azure.world.ml("onlineEndpoints/deployments", "other-4", "other-1"))
    assert line.target.foresee(line.spec("green", 2)) == ()


def test_a_full_region_refuses_a_managed_colour_too(azure: Double, make_line: Callable[..., Line]) -> None:
    """Endpoints of all kinds count, and their deployments."""
    managed = make_line(MANAGED)
    endpoints = DEPLOYMENTS_OF_A_REGION // DEPLOYMENTS_OF_AN_ENDPOINT
    fill(azure, "onlineEndpoints", endpoints)
    assert managed.target.foresee(managed.spec()) == ()
    for number in range(endpoints):
        fill(azure, "onlineEndpoints/deployments", DEPLOYMENTS_OF_AN_ENDPOINT, f"other-{number}")
    [finding] = managed.target.foresee(managed.spec())
    assert "has 500 deployments, as many as Azure gives to a subscription in a region" in finding.detail
    fill(azure, "onlineEndpoints", ENDPOINTS_OF_A_REGION)
    assert [item.detail.split(",")[0][-13:] for item in managed.target.foresee(managed.spec())] == ["100 endpoints"]


def test_a_full_endpoint_refuses_another_colour(azure: Double, line: Line) -> None:
    line.serve(line.spec())
    fill(azure, "onlineEndpoints/deployments", DEPLOYMENTS_OF_AN_ENDPOINT - 1)
    assert line.target.foresee(line.spec("blue")) == ()
    with pytest.raises(QuotaExceededError, match="20 deployments"):
        line.target.apply(line.spec("green", 2))


def test_what_the_compute_lacks_is_foreseen(azure: Double, make_line: Callable[..., Line]) -> None:
    azure.seeds.managed_compute("cpu")
    said = {
        name: [item.detail for item in make_line(compute=name).target.foresee(make_line().spec())]
        for name in ("k8s", "cpu", "none")
    }
    assert said["k8s"] == []
    assert "only a Kubernetes compute" in said["cpu"][0]
    assert "has no compute none" in said["none"][0]
    line = make_line()
    huge = line.spec(settings=ServingSettings(instance_type="huge"))
    with pytest.raises(CapabilityMissingError, match="huge is not an instance type of k8s"):
        line.target.apply(huge)


def test_an_instance_that_is_too_small_for_an_mlflow_model_is_foreseen(azure: Double, line: Line) -> None:
    """Azure would say so after minutes. A score.py runs there."""
    [cluster] = azure.world.resources.under(azure.places.group_id, "Microsoft.Kubernetes/connectedClusters")
    azure.seeds.inside(cluster["id"]).instance_types["defaultinstancetype"] = DEFAULT_TYPE
    mlflow = replace(line.spec(), scoring=None)
    [finding] = line.target.foresee(mlflow)
    assert (finding.field, "2Gi" in finding.detail) == ("instance_type", True)
    with pytest.raises(CapabilityMissingError, match="needs 2 CPU and 4 GB"):
        line.target.apply(mlflow)
    assert line.target.foresee(replace(mlflow, settings=ServingSettings(instance_type="big"))) == ()
    assert line.target.foresee(line.spec()) == ()


def test_an_environment_of_the_workspace_is_named(azure: Double, line: Line) -> None:
    azure.seeds.environment("score", "4")
    spec = line.spec()
    named = replace(spec, environment=ResolvedEnvironment("azureml:score:4", image="azureml:score:4"))
    line.settled(named)
    assert deployments(azure)["blue"]["properties"]["environmentId"].endswith("/environments/score/versions/4")


def test_another_compute_is_no_place_for_the_same_endpoint(azure: Double, make_line: Callable[..., Line]) -> None:
    line = make_line()
    line.settled(line.spec())
    with pytest.raises(InputError, match="is on k8s"):
        make_line(MANAGED).target.apply(line.spec("green", 2))


def test_an_endpoint_without_colours_is_an_orphan_and_goes(azure: Double, line: Line) -> None:
    azure.faults.add("PUT", "/deployments/blue", status=400)
    with pytest.raises(PermanentError):
        line.target.apply(line.spec())
    assert line.target.endpoints() == (ENDPOINT,)
    line.target.remove(ENDPOINT, "blue")
    assert line.target.endpoints() == ()


def test_a_note_that_cannot_be_read_is_none(azure: Double, line: Line) -> None:
    line.settled(line.spec())
    [note] = [path for path in line.home.rglob("blue.json")]
    note.write_text("{")
    assert line.status().phase is ColourPhase.READY
    assert serving_notes._read(note) is None


KILLS = [
    ("POST", "listSecrets", 0),
    ("PUT", "LocalUpload/.*/slope", 0),
    ("PUT", "/models/line/versions/1", 0),
    ("PUT", "/environments/", 0),
    ("POST", "startPendingUpload", 0),
    ("PUT", "/codes/", 0),
    ("PUT", rf"/onlineEndpoints/{ENDPOINT}\?", 0),
    ("PUT", "/deployments/blue", 0),
    ("POST", "listKeys", 0),
    ("PUT", rf"/onlineEndpoints/{ENDPOINT}\?", 1),
    ("PUT", "/models/line/versions/2", 0),
    ("PUT", "/deployments/green", 0),
    ("PUT", rf"/onlineEndpoints/{ENDPOINT}\?", 2),
    ("DELETE", "/deployments/blue", 0),
]


QUICK = {
    ("PUT", "/deployments/blue", 0),
    ("PUT", rf"/onlineEndpoints/{ENDPOINT}\?", 1),
    ("DELETE", "/deployments/blue", 0),
}


@pytest.mark.parametrize(
    ("method", "pattern", "skip"),
    [pytest.param(*kill, marks=[] if kill in QUICK else [pytest.mark.slow]) for kill in KILLS],
)
def test_a_life_that_was_killed_goes_on_and_makes_nothing_twice(
    azure: Double, tmp_path: Path, method: str, pattern: str, skip: int
) -> None:
    """kill -9 when Azure has done what was asked, and before anybody hears of it."""
    prepare(azure)
    command = [sys.executable, "-m", "tests.azure.serving", str(tmp_path), KUBERNETES]
    environment = {**os.environ, **azure.environment}
    first = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    azure.faults.add(method, pattern, skip=skip, then=first.kill)
    _, said = first.communicate(timeout=200)
    assert first.returncode == -9, said

    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert again.returncode == 0, again.stderr
    assert models(azure) == ["1", "2"]
    assert list(deployments(azure)) == ["green"]
    [endpoint] = azure.world.resources.children(azure.world.ml("onlineEndpoints"))
    assert endpoint["properties"]["traffic"] == {"green": 100}
    assert (
        len(
            azure.world.resources.under(
                azure.places.workspace_id, "Microsoft.MachineLearningServices/workspaces/codes/versions"
            )
        )
        == 1
    )
    puts = [one.path.rpartition("/")[2] for one in azure.record.asked("PUT", "/deployments/")]
    assert sorted(puts) == ["blue", "green"]
