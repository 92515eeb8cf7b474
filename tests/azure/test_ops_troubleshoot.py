"""`ops troubleshoot` over the double: each thing that can be wrong is found where it is, and named."""

import time
from pathlib import Path

import pytest

from landbridge.cli.reference import JSON_KEYS
from landbridge.domain.values import JobPhase
from tests.azure.azure_jobs import a_job, ground
from tests.azure.double.double import Double
from tests.azure.double.wire import Json
from tests.azure.operated import write_inventory
from tests.unit.cli import Said, landbridge


class Place:
    def __init__(self, azure: Double, folder: Path) -> None:
        self.azure, self.folder = azure, folder

    def attach(self, kind: str = "arc", settings: dict[str, str] | None = None, **properties: Json) -> str:
        cluster = self.azure.seeds.cluster("one", kind, settings, **properties)
        self.azure.computes.attach("team", cluster)
        self.declare(cluster)
        return cluster

    def declare(self, cluster: str) -> None:
        write_inventory(self.azure, self.folder, compute="team", operations={"cluster": cluster})

    def ask(self, *arguments: str) -> Said:
        given = ["--inventory", str(self.folder / "inventory.yaml"), "--output", "json", *arguments]
        return landbridge("ops", "troubleshoot", "aml", *given)


@pytest.fixture
def place(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path)


def codes(said: Said) -> list[str]:
    return [item["code"] for item in said.json["errors"]]


def test_where_nothing_is_wrong_nothing_is_said_to_be(place: Place) -> None:
    place.attach()
    said = place.ask()
    assert (said.code, said.json["healthy"], codes(said)) == (0, True, [])
    assert set(said.json) == set(JSON_KEYS["ops troubleshoot"])
    assert [item["verdict"] for item in said.json["evidence"]] == ["pass"] * 3
    assert {one.method for one in place.azure.record.exchanges if one.service == "management"} == {"GET"}


def test_a_job_that_the_cluster_does_not_take_is_named_with_its_ground(place: Place) -> None:
    settings = {"enableInference": "True", "inferenceRouterServiceType": "NodePort", "allowInsecureConnections": "True"}
    place.attach(settings=settings)
    work = ground(place.azure, place.folder, compute="team")
    assert work.settle(work.connect().submit(a_job("true", "training-1"))).phase is JobPhase.FAILED
    said = place.ask("--job", "training-1")
    assert said.code == 1
    assert said.json["errors"][0]["source"] == "job training-1"
    assert "enable" in said.json["errors"][0]["fix"]


def test_a_job_s_own_failure_is_no_error_of_azure(place: Place) -> None:
    place.attach()
    work = ground(place.azure, place.folder, compute="team")
    work.settle(work.connect().submit(a_job("echo BadArgument; exit 3", "training-1")))
    said = place.ask("--job", "training-1")
    assert (said.code, codes(said)) == (1, [])
    assert [item["source"] for item in said.json["evidence"] if item["verdict"] == "fail"] == ["job training-1"]


def test_a_failed_extension_and_an_offline_cluster_go_before_the_job(place: Place) -> None:
    cluster = place.attach(connectivityStatus="Offline")
    extension = place.azure.world.resources.get(
        f"{cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
    )
    extension["properties"] |= {
        "provisioningState": "Failed",
        "errorInfo": {"code": "ExtensionOperationFailed", "message": "E40002 INSUFFICIENT_NODE: too few"},
    }
    said = place.ask("--job", "nobody")
    assert (said.code, codes(said)) == (1, ["E40002"])
    failed = [item for item in said.json["evidence"] if item["verdict"] == "fail"]
    assert [item["source"].split()[0] for item in failed] == ["Arc", "extension", "job"]
    assert "azure-arc" in failed[0]["remedy"]


def test_a_compute_that_is_not_attached_is_named(place: Place) -> None:
    place.declare(place.azure.seeds.cluster("one", "aks", settings={}))
    said = place.ask()
    assert said.code == 1
    assert {"ComputeNotFound"} <= set(codes(said))
    assert "landbridge ops attach aml" in str(said.json["evidence"])


def test_a_failed_deployment_tells_from_its_own_log(place: Place) -> None:
    place.attach()
    world = place.azure.world
    properties = {
        "provisioningState": "Succeeded",
        "authMode": "Key",
        "traffic": {},
        "compute": world.ml("computes", "team"),
    }
    world.add("onlineEndpoints", ("score",), properties, location="westeurope")
    world.add("onlineEndpoints/deployments", ("score", "blue"), {
        "provisioningState": "Failed", "endpointComputeType": "Kubernetes"
    }, location="westeurope")  # fmt: skip
    said = place.ask("--endpoint", "score", "--deployment", "blue")
    assert said.code == 1
    assert [item["source"] for item in said.json["evidence"]][-2:] == ["endpoint score", "deployment score/blue"]
    assert (
        said.json["evidence"][-1]["said"].startswith("Failed") or "failed" in said.json["evidence"][-1]["said"].lower()
    )
    missing = place.ask("--endpoint", "score", "--deployment", "green")
    assert "there are blue" in missing.json["evidence"][-1]["said"]


def test_what_may_not_be_read_is_unseen_and_stops_nothing(place: Place) -> None:
    place.attach()
    place.azure.faults.add("GET", "/extensions", status=403, times=None)
    said = place.ask()
    assert (said.code, [item["verdict"] for item in said.json["evidence"]]) == (0, ["pass", "unseen", "pass"])


def test_a_deployment_needs_its_endpoint(place: Place) -> None:
    place.attach()
    started = time.monotonic()
    said = place.ask("--deployment", "blue")
    assert (said.code, "--endpoint" in said.err, time.monotonic() - started < 5) == (2, True, True)
