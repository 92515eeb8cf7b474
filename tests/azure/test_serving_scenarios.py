"""Scenarios of scenarios/ through the command line, serving on Azure: nothing but the inventory is another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from landbridge.domain.ledger import Kind
from tests.azure.double.double import Double
from tests.azure.double.seeds import BIG_TYPE, BOTH
from tests.azure.serving import KUBERNETES, MANAGED, SIZE, prepare
from tests.e2e.conftest import ROOT, Playground, a_host, free_ports, make_playground
from tests.e2e.lives import Tiny, lives
from tests.e2e.tiny_story import TinyStory, make_tiny

VNET = {"site": "cloud-vnet", "cluster": "cloud-aks", "private": True}
PRIVATE_API = {"enablePrivateCluster": True, "enablePrivateClusterPublicFQDN": False}
INTERNAL = {**BOTH, "inferenceRouterServiceType": "LoadBalancer", "internalLoadBalancerProvider": "azure"}
PARTS = ("workspace", "storageAccount", "keyVault", "containerRegistry")
pytestmark = pytest.mark.timeout(400, func_only=True)


@pytest.fixture(scope="module")
def cloud(azure_for_a_host: Double) -> Double:
    """A workspace that serves on its own, and with clusters attached."""
    prepare(azure_for_a_host)
    attach(azure_for_a_host, "aks", "aks", INTERNAL, apiServerAccessProfile=PRIVATE_API)
    attach(azure_for_a_host, "arc", "arc", BOTH)
    return azure_for_a_host


def serves(cloud: Double, **more: Any) -> dict[str, Any]:
    return {"site": "cloud", "driver": "azureml", "roles": ["serve"], "options": cloud.places.options(**more)}


@pytest.fixture(scope="module")
def home(cloud: Double, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A host that is up, with scenarios/inventories/local.yaml in which the cloud serves from the workspace."""
    place = tmp_path_factory.mktemp("home")
    said = yaml.safe_load(free_ports((ROOT / "scenarios/inventories/local.yaml").read_text()))
    for name, options in ((KUBERNETES, {"compute": "k8s"}), (MANAGED, {"instance_type": SIZE})):
        said["targets"]["cloud-serving"] = serves(cloud, **options)
        (place / f"{name}.yaml").write_text(json.dumps(said))
    (place / "private.yaml").write_text(json.dumps(private(cloud, said)))
    with a_host(place, place / f"{KUBERNETES}.yaml"):
        yield place


def private(cloud: Double, said: dict[str, Any]) -> dict[str, Any]:
    """The private sites serve from the workspace too, one on AKS, one on Arc; they reach Azure through a proxy alone."""
    out = {"proxy": cloud.environment["HTTPS_PROXY"], "egress": ["management.azure.com", "login.microsoftonline.com"]}
    for site in ("cloud-vnet", "onprem"):
        said["sites"][site]["network"] |= out
    said["targets"]["cloud-aks-serving"] = serves(cloud, compute="aks") | VNET
    said["targets"]["onprem-serving"] = serves(cloud, compute="arc") | {"site": "onprem"}
    return said


def attach(cloud: Double, name: str, kind: str, settings: dict[str, str], **properties: Any) -> None:
    cluster = cloud.seeds.cluster(f"{name}-1", kind, settings, **properties)
    cloud.seeds.inside(cluster).instance_types["defaultinstancetype"] = BIG_TYPE
    cloud.computes.attach(name, cluster, "default")


def playground(home: Path, folder: Path, pattern: str, store: str, inventory: str = KUBERNETES) -> Playground:
    made = make_playground(home, folder / "scenarios", pattern, store)
    return Playground(made.home, made.folder, made.scenario, home / f"{inventory}.yaml", made.lake)


@pytest.mark.parametrize("inventory", [KUBERNETES, MANAGED])
@pytest.mark.slow
def test_a_model_of_the_plant_serves_from_azure_its_whole_life(
    cloud: Double, home: Path, tmp_path: Path, inventory: str
) -> None:
    """Trained on premises, served in the cloud: retrained, redeployed, a bad model, a broken one."""
    made = playground(home, tmp_path, "onprem_train_cloud_deploy", "plant", inventory)
    lives(made, Tiny)
    [endpoint] = [one for one in endpoints(cloud) if one["name"] in made.scenario.read_text()]
    assert bool(endpoint["properties"].get("compute")) == (inventory == KUBERNETES)
    [serving] = cloud.world.resources.children(f"{endpoint['id']}/deployments")
    assert endpoint["properties"]["traffic"] == {serving["name"]: 100}
    assert serving["tags"]["landbridge.version"] == "2"


def endpoints(cloud: Double) -> list[dict[str, Any]]:
    return cloud.world.resources.children(cloud.world.ml("onlineEndpoints"))


@pytest.mark.slow
def test_both_sites_move_together(cloud: Double, home: Path, tmp_path: Path) -> None:
    story = make_tiny(playground(home, tmp_path, "hybrid_train_deploy", "lake"))
    report = story.good()
    assert {row["site"]: row["traffic"] for row in report["serving"]} == {"onprem": 100, "cloud": 100}
    story.month(2)
    assert {row["version"] for row in story.good()["serving"]} == {"2"}


def test_a_plan_asks_azure_for_room_and_refuses_before_a_byte_moves(cloud: Double, home: Path, tmp_path: Path) -> None:
    story = make_tiny(playground(home, tmp_path, "onprem_train_cloud_deploy", "plant"))
    strange = cloud.world.add(
        "onlineEndpoints", (story.endpoint,), {"authMode": "Key", "provisioningState": "Succeeded"}, location="x"
    )
    said = story.run()
    assert said.code == 3, said.err
    assert "did not make it" in said.err
    assert not story.entries(Kind.MOVEMENT)
    cloud.world.resources.remove(strange["id"])
    assert story.good()["outcome"] == "Promoted"


def test_a_plan_says_what_this_target_does_not_count(home: Path, tmp_path: Path) -> None:
    story = make_tiny(playground(home, tmp_path, "onprem_train_cloud_deploy", "plant"))
    said = story.run(command="plan")
    assert said.code == 0, said.err
    assert "counts no requests" in said.out


def test_private_aks_is_refused_until_all_is_closed_and_then_lives(cloud: Double, home: Path, tmp_path: Path) -> None:
    made = playground(home, tmp_path, "private_aks", "vault", "private")
    story = make_tiny(playground(home, tmp_path / "refused", "private_aks", "vault", "private"))
    said = story.run()
    assert said.code == 3, said.err
    for part in ("workspace lab", "storage account landbridgelab", "key vault labkv", "container registry labcr"):
        assert f"{part}: publicNetworkAccess is Enabled" in said.err
    assert "API server" not in said.err  # it is private, and proven so
    assert not story.entries(Kind.MOVEMENT)

    for part in PARTS:
        cloud.seeds.close(part)
    lives(made, Tiny)
    [evidence] = TinyStory(made).entries(Kind.PREFLIGHT)[:1]
    proven = {check["name"]: check["passed"] for check in evidence.payload["checks"]}  # type: ignore[index,union-attr]
    assert proven["cloud-vnet: cluster aks-1: API server"] is True
    assert proven["cloud-vnet: workspace lab"] is True


@pytest.mark.slow
def test_all_on_premises_lives_with_arc_behind_the_proxy(cloud: Double, home: Path, tmp_path: Path) -> None:
    for part in PARTS:
        cloud.seeds.close(part)
    lives(playground(home, tmp_path, "onprem_lifecycle", "plant", "private"), Tiny)


def test_without_the_proxy_azure_itself_is_outside(cloud: Double, home: Path, tmp_path: Path) -> None:
    made = playground(home, tmp_path, "onprem_lifecycle", "plant", "private")
    said = json.loads(made.inventory.read_text())
    said["sites"]["onprem"]["network"] |= {"egress": ["mcr.microsoft.com"]}
    other = tmp_path / "inventory.yaml"
    other.write_text(json.dumps(said).replace("${home}", str(home)))
    story = make_tiny(Playground(made.home, made.folder, made.scenario, other, made.lake))
    refused = story.run()
    assert refused.code == 3, refused.err
    assert "endpoint Azure management of onprem-serving" in refused.err
