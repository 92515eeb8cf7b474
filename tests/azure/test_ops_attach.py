"""`ops attach` and `ops detach` over the double: what is in the way is found first, and a real job has the last word."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landbridge.cli.reference import JSON_KEYS
from tests.azure.azure_jobs import a_job, ground
from tests.azure.double.double import Double
from tests.azure.double.wire import Json
from tests.azure.operated import write_inventory
from tests.unit.cli import Said, landbridge
from tests.unit.kubernetes.api_server import ApiServer, api_server

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/mine"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """The cluster's own API, with namespace `team-a`."""
    with api_server(tmp_path) as made:
        made.put("namespaces", {"metadata": {"name": "team-a"}})
        yield made


class Place:
    def __init__(self, azure: Double, folder: Path, api: ApiServer) -> None:
        self.azure, self.folder, self.api = azure, folder, api

    def cluster(self, kind: str = "arc", name: str = "one", **more: Json) -> str:
        made = self.azure.seeds.cluster(name, kind, **more)
        self.azure.seeds.inside(made).namespaces.add("team-a")
        return made

    def declare(self, cluster: str, compute: str = "team", namespace: str = "team-a", **operations: Json) -> None:
        options: dict[str, Json] = {"compute": compute, "operations": {"cluster": cluster, **operations}}
        if namespace:
            options["namespace"] = namespace
        write_inventory(self.azure, self.folder, **options)

    def attach(self, *arguments: str, kubeconfig: bool = True) -> Said:
        theirs = ["--kubeconfig", self.api.kubeconfig] if kubeconfig else []
        given = ["--inventory", str(self.folder / "inventory.yaml"), *theirs, *arguments]
        return landbridge("ops", "attach", "aml", *given)

    def detach(self, *arguments: str) -> Said:
        return landbridge("ops", "detach", "aml", "--inventory", str(self.folder / "inventory.yaml"), *arguments)

    def compute(self, name: str = "team") -> Any:
        return self.azure.world.resources.find(self.azure.world.ml("computes", name))

    def sent(self) -> list[Any]:
        return [one.sent for one in self.azure.record.asked("PUT", "/computes/")]


@pytest.fixture
def place(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: ApiServer) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return Place(azure, tmp_path, api)


def verdicts(said: Said) -> dict[str, str]:
    return {row["name"]: row["verdict"] for row in said.json["checks"]}


def test_a_cluster_is_attached_proven_by_a_job_and_left_alone_the_next_time(place: Place) -> None:
    place.declare(place.cluster(), identity="system", description="of team A")
    said = place.attach("--output", "json")
    assert said.code == 0, said
    assert set(said.json) == set(JSON_KEYS["ops attach"])
    assert verdicts(said) == dict.fromkeys(("extension", "namespace", "compute", "probe job"), "pass")
    [sent] = place.sent()
    assert sent["identity"] == {"type": "SystemAssigned"}
    assert sent["properties"]["properties"] == {"namespace": "team-a"}
    assert not place.azure.world.resources.children(place.azure.world.ml("jobs")), "the probe is deleted"
    assert place.attach().code == 0
    assert len(place.sent()) == 1


def test_one_cluster_has_many_computes(place: Place) -> None:
    cluster = place.cluster()
    for compute, namespace in (("team", "team-a"), ("second", "")):
        place.declare(cluster, compute, namespace)
        assert place.attach().code == 0
    assert place.compute("second")["properties"]["resourceId"] == place.compute()["properties"]["resourceId"]
    assert place.compute("second")["properties"]["properties"]["namespace"] == "default"


def test_aks_is_looked_into_with_what_azure_gives_this_account(place: Place) -> None:
    cluster = place.cluster("aks")
    place.azure.seeds.inside(cluster).kubeconfig = Path(place.api.kubeconfig).read_text()
    place.declare(cluster, identity=IDENTITY)
    said = place.attach("--output", "json", kubeconfig=False)
    assert (said.code, verdicts(said)["namespace"]) == (0, "pass"), said
    assert place.sent()[0]["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}}


def test_a_namespace_that_is_not_there_is_refused_before_anything_is_sent(place: Place) -> None:
    place.declare(place.cluster(), namespace="team-b")
    said = place.attach()
    assert (said.code, "no namespace 'team-b'" in said.err, place.sent()) == (3, True, [])
    assert "kubectl create namespace team-b" in said.err


def test_where_nobody_can_look_the_probe_tells_that_the_namespace_is_missing(place: Place) -> None:
    place.declare(place.cluster(), namespace="team-b")
    said = place.attach("--output", "json", kubeconfig=False)
    assert (said.code, verdicts(said)["namespace"], verdicts(said)["probe job"]) == (1, "unseen", "fail")
    assert "etach" in said.json["checks"][-1]["remedy"]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"servicePrincipalProfile": {"clientId": "some-principal"}}, "enable-managed-identity"),
        ({"powerState": {"code": "Stopped"}}, "az aks start"),
    ],
)
def test_a_cluster_that_azure_ml_does_not_take_is_refused_with_the_remedy(
    place: Place, properties: dict[str, Json], words: str
) -> None:
    place.declare(place.cluster("aks", **properties))
    said = place.attach()
    assert (said.code, words in said.err, place.sent()) == (3, True, [])


def test_a_cluster_of_another_subscription_is_refused_with_the_way_by_arc(place: Place) -> None:
    at = place.cluster("aks")
    theirs = at.replace(place.azure.places.subscription, "44444444-4444-4444-4444-444444444444")
    place.azure.world.resources.put({**place.azure.world.resources.get(at), "id": theirs})
    place.declare(theirs)
    said = place.attach()
    assert (said.code, "Azure Arc" in said.err, place.sent()) == (3, True, [])


def test_without_the_extension_nothing_is_attached(place: Place) -> None:
    place.declare(place.cluster(settings={}))
    said = place.attach()
    assert (said.code, "landbridge ops extension install aml" in said.err, place.sent()) == (3, True, [])


def test_a_compute_that_is_attached_otherwise_is_not_changed_in_silence(place: Place) -> None:
    cluster = place.cluster()
    place.azure.computes.attach("team", cluster, "default")
    place.declare(cluster, identity="system")
    said = place.attach()
    assert (said.code, place.sent()) == (3, [])
    assert "namespace 'default', not 'team-a'; identity none, not system" in said.err
    assert "ops detach" in said.err


def test_a_name_that_another_kind_has_is_refused(place: Place) -> None:
    place.azure.seeds.managed_compute("team")
    place.declare(place.cluster())
    said = place.attach()
    assert (said.code, "of kind AmlCompute" in said.err) == (3, True)


def test_an_attachment_that_azure_fails_is_told_with_the_remedy_and_can_be_repeated(place: Place) -> None:
    place.declare(place.cluster())
    place.azure.faults.add(
        "PUT", "/computes/", operation_fails=("ClusterNotReachable", "The Kubernetes cluster is not reachable.")
    )
    said = place.attach()
    assert (said.code, "not reachable" in said.err, "To fix" in said.err) == (69, True, True), said.err
    assert place.attach().code == 0


def test_an_extension_for_inference_alone_leaves_the_proof_to_the_first_deployment(place: Place) -> None:
    settings = {"enableInference": "True", "inferenceRouterServiceType": "NodePort", "allowInsecureConnections": "True"}
    place.declare(place.cluster(settings=settings))
    said = place.attach("--output", "json")
    assert (said.code, verdicts(said)["probe job"]) == (0, "unseen")


def test_a_probe_that_finds_no_room_fails_and_is_taken_back(place: Place) -> None:
    place.declare(place.cluster())
    place.azure.full.add("team")
    said = place.attach("--probe-timeout", "1", "--output", "json")
    assert (said.code, verdicts(said)["probe job"]) == (1, "fail")
    assert not place.azure.world.resources.children(place.azure.world.ml("jobs"))


def test_an_attachment_that_goes_on_is_waited_for(place: Place) -> None:
    place.declare(place.cluster())
    held = place.azure.faults.add("PUT", "/computes/", operation_held=True)
    assert place.attach("--timeout", "1").code == 69
    timer = threading.Timer(0.5, held.release)
    timer.start()
    assert place.attach().code == 0
    timer.join()
    assert len(place.sent()) == 1


def test_a_compute_in_use_is_not_detached_unless_told(place: Place) -> None:
    cluster = place.cluster()
    place.azure.computes.attach("team", cluster, "team-a")
    place.declare(cluster)
    place.azure.full.add("team")
    ground(place.azure, place.folder, compute="team").connect().submit(a_job("true", "training-1"))
    said = place.detach()
    assert (said.code, "training-1" in said.err, place.compute() is None) == (3, True, False)
    assert "Detached" in place.detach("--in-use").out
    assert place.compute() is None
    again = place.detach("--output", "json")
    assert (again.code, again.json["detached"]) == (0, False)
    assert set(again.json) == set(JSON_KEYS["ops detach"])
    assert place.azure.world.resources.find(cluster) is not None


def test_an_endpoint_keeps_its_compute(place: Place) -> None:
    cluster = place.cluster()
    made = place.azure.computes.attach("team", cluster, "team-a")
    place.declare(cluster)
    properties = {"compute": made["id"], "authMode": "Key", "traffic": {}, "provisioningState": "Succeeded"}
    place.azure.world.add("onlineEndpoints", ("score",), properties, location="westeurope")
    said = place.detach()
    assert (said.code, "endpoints score" in said.err) == (3, True)
