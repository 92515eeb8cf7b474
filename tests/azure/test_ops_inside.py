"""`ops router` and `ops instance-types` over the double: with a way into the cluster, and by Azure's word without one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landbridge.cli.reference import JSON_KEYS
from tests.azure.double.double import Double
from tests.azure.double.wire import Json
from tests.azure.operated import write_inventory
from tests.unit.cli import Said, landbridge
from tests.unit.kubernetes.api_server import ApiServer, api_server

CRD = "instancetypes.amlarc.azureml.com"
RESOURCES = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """The cluster's own API, with a router and an instance type."""
    with api_server(tmp_path) as made:
        metadata = {"name": "azureml-fe-v2"}
        made.put("deployments", {"metadata": metadata, "spec": {"replicas": 1}, "status": {"readyReplicas": 1}})
        made.put(
            "services", {"metadata": {"name": "azureml-fe"}, "spec": {"type": "NodePort", "clusterIP": "10.0.0.9"}}
        )
        made.put("customresourcedefinitions", {"metadata": {"name": CRD}, "spec": {"scope": "Cluster"}})
        made.put("instancetypes", {"metadata": {"name": "inside"}, "spec": {"resources": RESOURCES}})
        yield made


class Place:
    def __init__(self, azure: Double, folder: Path, api: ApiServer) -> None:
        self.azure, self.folder, self.api = azure, folder, api

    def attach(self, kind: str, types: list[Json] | None = None, settings: dict[str, str] | None = None) -> str:
        cluster = self.azure.seeds.cluster("one", kind, settings)
        self.azure.computes.attach("team", cluster)
        path = write_inventory(self.azure, self.folder, compute="team")
        if types:
            said = json.loads(path.read_text())
            said["targets"]["aml"]["instance_types"] = types
            path.write_text(json.dumps(said))
        return cluster

    def ask(self, *words: str) -> Said:
        return landbridge("ops", *words, "--inventory", str(self.folder / "inventory.yaml"), "--output", "json")


@pytest.fixture
def place(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: ApiServer) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path, api)


def verdicts(said: Said) -> dict[str, str]:
    return {row["name"]: row["verdict"] for row in said.json["checks"]}


SINGLE = {
    "enableTraining": "True",
    "enableInference": "True",
    "inferenceRouterServiceType": "NodePort",
    "allowInsecureConnections": "True",
    "inferenceRouterHA": "False",
}


def test_a_router_is_looked_at_from_azure_and_from_inside(place: Place) -> None:
    place.attach("arc", settings=SINGLE)
    said = place.ask("router", "aml", "--kubeconfig", place.api.kubeconfig)
    assert said.code == 0, said
    assert set(verdicts(said).values()) == {"pass"}
    assert {"pods", "address", "TLS"} <= set(verdicts(said))
    assert set(said.json) == set(JSON_KEYS["ops router"])
    assert said.json["settings"]["inferenceRouterHA"] == "False"
    assert not [one for one in place.api.asked if not one.startswith("GET")]


def test_without_a_way_in_its_pods_are_unseen(place: Place) -> None:
    place.attach("arc", settings=SINGLE)
    said = place.ask("router", "aml")
    assert (said.code, verdicts(said)["pods"]) == (0, "unseen")
    assert "az connectedk8s proxy" in str(said.json["checks"])


def test_a_router_with_too_few_replicas_or_none_fails(place: Place) -> None:
    cluster = place.attach("aks")  # three replicas by default
    place.azure.seeds.inside(cluster).kubeconfig = Path(place.api.kubeconfig).read_text()
    said = place.ask("router", "aml")
    assert (said.code, verdicts(said)["pods"]) == (1, "fail")
    place.api.objects["deployments"].clear()
    assert "not in namespace azureml" in str(place.ask("router", "aml").json["checks"])


def test_types_are_read_in_the_cluster_where_something_leads_in(place: Place) -> None:
    cluster = place.attach("aks")
    place.azure.seeds.inside(cluster).kubeconfig = Path(place.api.kubeconfig).read_text()
    found = place.ask("instance-types", "list", "aml").json["instance_types"]
    assert [(item["type"]["name"], item["source"]) for item in found] == [
        ("defaultinstancetype", "built in"),
        ("inside", "cluster"),
    ]


def test_types_are_what_the_compute_tells_where_nothing_leads_in(place: Place) -> None:
    declared: list[Any] = [{"name": "big", "resources": RESOURCES}, {"name": "huge", "resources": RESOURCES}]
    place.attach("arc", declared)
    found = place.ask("instance-types", "list", "aml").json["instance_types"]
    assert [(item["type"]["name"], item["source"]) for item in found] == [
        ("big", "compute"),
        ("defaultinstancetype", "compute"),
    ]
    said = place.ask("instance-types", "check", "aml")
    assert (said.code, verdicts(said)) == (1, {"big": "pass", "huge": "fail"})


def test_types_are_put_into_the_cluster_with_a_kubeconfig_and_never_without_a_way_in(place: Place) -> None:
    larger = {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}
    place.attach("arc", [{"name": "inside", "resources": larger}])
    refused = place.ask("instance-types", "apply", "aml")
    assert (refused.code, "--kubeconfig" in refused.err) == (3, True)
    said = place.ask("instance-types", "apply", "aml", "--kubeconfig", place.api.kubeconfig)
    assert said.code == 0, said
    assert place.api.objects["instancetypes"]["inside"]["spec"]["resources"]["requests"] == {
        "cpu": "2",
        "memory": "4Gi",
    }


def test_a_kubeconfig_that_leads_nowhere_is_told_and_not_worked_around(place: Place) -> None:
    place.attach("arc")
    (place.folder / "dead.yaml").write_text(Path(place.api.kubeconfig).read_text().replace("127.0.0.1:", "127.0.0.1:1"))
    said = place.ask("instance-types", "list", "aml", "--kubeconfig", str(place.folder / "dead.yaml"))
    assert said.code != 0
