"""What Azure is told of endpoints and colours, what its answers mean, and what a plan says of settings; without Azure."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.inventory import InstanceType, Role, Target
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment
from landbridge.domain.scenario import ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase, Resources
from landbridge.drivers.azureml import serving_bodies as bodies
from landbridge.drivers.azureml import serving_reading as reading
from landbridge.drivers.azureml.serving_bodies import Assets, Where
from landbridge.drivers.azureml.serving_findings import findings
from landbridge.drivers.azureml.serving_why import _raised
from landbridge.runner import azureml_entry

SPEC = ColourSpec("line", "blue", "line", "1", "/models/1", "sha256:1", ResolvedEnvironment("any", "current"))
SCRIPT = replace(SPEC, scoring=ScoringCode("/code", "score.py", "sha256:2"))
CLUSTER, MACHINES = Where("aml", "/computes/k8s"), Where("aml", instance_type="Standard_DS3_v2")
SMALL = InstanceType("small", Resources(), Resources(1000, 1 << 30))


def target(*types: InstanceType) -> Target:
    return Target("aml", "cloud", "azureml", frozenset({Role.SERVE}), "aml", instance_types=types)


def said(spec: ColourSpec, where: Where, *types: InstanceType) -> list[tuple[str, FindingKind]]:
    return [(item.field, item.kind) for item in findings(spec, target(*types), where)]


def given(**settings: Any) -> ColourSpec:
    return replace(SPEC, settings=ServingSettings(**settings))


@pytest.mark.parametrize("where", [CLUSTER, MACHINES])
def test_usual_settings_are_honoured(where: Where) -> None:
    assert said(SPEC, where) == []


REFUSED, SUBSTITUTED, NOTE = FindingKind.REFUSED, FindingKind.SUBSTITUTED, FindingKind.NOTE
IMAGE = ResolvedEnvironment("azureml:e:1", image="registry/score:1")
CATALOG = "azureml://registries/azureml-meta/models/Llama/versions/1"


@pytest.mark.parametrize(
    ("spec", "where", "expected"),
    [
        (given(request_timeout_ms=300_000), CLUSTER, [("request_settings.request_timeout_ms", NOTE)]),
        (given(request_timeout_ms=150_000), CLUSTER, []),
        (given(request_timeout_ms=180_000), MACHINES, []),
        (given(request_timeout_ms=180_001), MACHINES, [("request_settings.request_timeout_ms", REFUSED)]),
        (given(instance_count=50), MACHINES, []),
        (given(instance_count=51), MACHINES, [("instance_count", REFUSED)]),
        (given(instance_count=51), CLUSTER, []),
        (given(scale_type="target_utilization", max_instances=2), CLUSTER, []),
        (given(scale_type="target_utilization", max_instances=2), MACHINES, [("scale_settings.type", REFUSED)]),
        (SPEC, replace(MACHINES, instance_type=""), [("instance_type", REFUSED)]),
        (given(instance_type="Standard_F4s_v2"), replace(MACHINES, instance_type=""), []),
        (replace(SPEC, model_url=CATALOG), CLUSTER, [("model", REFUSED)]),
        (replace(SPEC, model_url=CATALOG), MACHINES, []),
        (replace(SPEC, environment=IMAGE), CLUSTER, [("environment", SUBSTITUTED)]),
        (replace(SPEC, environment=ResolvedEnvironment("e", "/opt/python")), CLUSTER, [("environment", SUBSTITUTED)]),
        (SCRIPT, CLUSTER, [("environment", REFUSED)]),
        (replace(SCRIPT, environment=IMAGE), CLUSTER, []),
        (replace(SCRIPT, environment=ResolvedEnvironment("azureml:e:1")), CLUSTER, []),
        (replace(SCRIPT, environment=ResolvedEnvironment("azureml://registries/azureml/environments/e/versions/1")), CLUSTER,
         [("environment", REFUSED)]),
        (replace(SPEC, endpoint="e" * 32, colour="c" * 31), CLUSTER, [("endpoint.name", REFUSED)]),
        (replace(SPEC, endpoint="e" * 32, colour="c" * 31), MACHINES, []),
    ],
)  # fmt: skip
def test_what_azure_does_not_take_is_named(
    spec: ColourSpec, where: Where, expected: list[tuple[str, FindingKind]]
) -> None:
    assert said(spec, where) == expected


def test_an_instance_type_is_one_of_those_that_are_declared() -> None:
    assert said(given(instance_type="huge"), CLUSTER, SMALL) == [("instance_type", REFUSED)]
    assert said(given(instance_type="small"), CLUSTER, SMALL) == []
    assert said(given(instance_type="huge"), CLUSTER) == []  # nothing is declared: the cluster is asked


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "PT0S"), (500, "PT0.5S"), (5000, "PT5S"), (10_000, "PT10S"), (300_000, "PT300S")]
)
def test_durations_are_iso_8601(milliseconds: int, text: str) -> None:
    assert bodies.duration(milliseconds) == text


def test_a_managed_endpoint_can_be_closed_and_a_cluster_has_its_compute() -> None:
    closed = bodies.new_endpoint(replace(MACHINES, public=False), "here")["properties"]
    assert (closed["publicNetworkAccess"], closed["traffic"], "compute" in closed) == ("Disabled", {}, False)
    assert bodies.new_endpoint(CLUSTER, "here")["properties"]["compute"] == "/computes/k8s"


def test_traffic_changes_nothing_else_of_an_endpoint() -> None:
    read = {
        "location": "here",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {"/me": {"principalId": "1"}}},
        "tags": {"team": "a"},
        "properties": {
            "authMode": "AADToken", "compute": "/k", "traffic": {"blue": 100}, "mirrorTraffic": {"red": 5},
            "publicNetworkAccess": "Disabled", "scoringUri": "https://x", "provisioningState": "Succeeded",
        },
    }  # fmt: skip
    made = bodies.with_traffic(read, {"blue": 0, "green": 100})
    assert made["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"/me": {}}}
    assert made["tags"] == {"team": "a"}
    kept = {"authMode": "AADToken", "compute": "/k", "mirrorTraffic": {"red": 5}, "publicNetworkAccess": "Disabled"}
    assert made["properties"] == {**kept, "traffic": {"green": 100}}


def test_only_what_runs_names_the_process() -> None:
    same = replace(SCRIPT, version="9", model_url="/elsewhere", labels={"a": "b"})
    moved = replace(SCRIPT, scoring=ScoringCode("/other", "score.py", "sha256:2"))
    other = replace(SCRIPT, settings=ServingSettings(instance_type="big"))
    assert bodies.process_of(SCRIPT) == bodies.process_of(same) == bodies.process_of(moved) != bodies.process_of(other)


def test_tags_keep_to_azures_length() -> None:
    assert len(bodies.colour_tags(replace(SPEC, labels={"long": "x" * 300}))["long"]) == 256


def test_a_script_is_told_its_digest_and_gets_a_worker_for_each_request() -> None:
    spec = replace(SCRIPT, settings=ServingSettings(max_concurrent_requests_per_instance=3))
    made = bodies.deployment(spec, CLUSTER, "here", Assets("m", "e", "c", "s"), 0)["properties"]
    told = {"WORKER_COUNT": "3", azureml_entry.SCRIPT: "score.py", azureml_entry.DIGEST: "sha256:1"}
    assert made["environmentVariables"] == told
    assert made["codeConfiguration"] == {"codeId": "c", "scoringScript": "s"}


def deployment(state: str, applied: float = 0.0) -> dict[str, Any]:
    tags = {bodies.MODEL: "m", bodies.VERSION: "1", bodies.DIGEST: "d", bodies.APPLIED: f"{applied:.0f}"}
    return {"name": "blue", "tags": tags, "properties": {"provisioningState": state}}


@pytest.mark.parametrize(
    ("state", "age", "phase"),
    [
        ("Creating", 0, ColourPhase.PENDING),
        ("Creating", 1200, ColourPhase.PENDING),
        ("Creating", 1300, ColourPhase.FAILED),
        ("Succeeded", 1300, ColourPhase.READY),
        ("Updating", 0, ColourPhase.READY),
        ("Scaling", 0, ColourPhase.READY),
        ("Failed", 0, ColourPhase.FAILED),
        ("Canceled", 0, ColourPhase.FAILED),
    ],
)
def test_a_state_becomes_a_phase(state: str, age: float, phase: ColourPhase) -> None:
    status = reading.colour_status(deployment(state, 1000), "", 1000 + age)
    assert (status.phase, bool(status.reason)) == (phase, phase is not ColourPhase.READY)


def test_what_is_on_its_way_out_is_gone() -> None:
    endpoint = {"properties": {"provisioningState": "Succeeded", "traffic": {"red": 100}}}
    found = reading.seen("line", endpoint, [deployment("Deleting")])
    assert (found.deployments, found.traffic) == ({}, {})
    assert (
        reading.seen("line", {"properties": {"provisioningState": "Deleting"}}, [deployment("Failed")]).resource is None
    )
    assert reading.is_busy(endpoint, [deployment("Deleting")])
    assert not reading.is_busy(endpoint, [deployment("Failed")])


def test_a_colour_that_starts_for_long_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    young, old = (reading.Seen("line", {}, {"blue": deployment("Creating", applied)}) for applied in (995, 900))
    for found in (young, young, old, old):
        reading.keep_pace(("test",), found, 1000)
    assert [round(one) for one in slept] == [5, 5]


def test_the_cause_in_a_log_comes_before_who_passed_it_on() -> None:
    log = (
        "Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'a'\n\nThe above exception was the "
        "direct cause of the following exception:\nazureml_inference_server_http.server.UserScriptImportException: x\n"
        '{"message": "ValueError: in JSON"}\n'
    )
    last, passed_on, cause = _raised(log)
    assert (last, cause) == ("ValueError: in JSON", "ModuleNotFoundError: No module named 'a'")
    assert "UserScriptImportException" in passed_on


def test_the_entry_finds_the_registered_folder_and_hands_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, code = tmp_path / "root/model-1", tmp_path / "code"
    model.mkdir(parents=True)
    code.mkdir()
    (model / "w").write_text("1")
    (code / "beside.py").write_text("NUMBER = 7\n")
    (code / "score.py").write_text(
        "import os, beside\ndef init(): ...\ndef run(data):\n    return beside.NUMBER, os.environ['AZUREML_MODEL_DIR']\n"
    )
    for name, value in ((azureml_entry.ROOT, str(tmp_path / "root")), (azureml_entry.SCRIPT, "score.py")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.path", ["/none"])
    found = azureml_entry.hand_over(str(code))
    assert found["run"](None) == (7, str(model))
    monkeypatch.setenv(azureml_entry.ROOT, str(tmp_path / "root"))
    monkeypatch.setenv(azureml_entry.DIGEST, "sha256:0")
    with pytest.raises(Exception, match="digest"):
        azureml_entry.hand_over(str(code))
