"""Scenarios of scenarios/ through the command line, with training on Azure: nothing but the inventory is another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from landbridge.domain.ledger import Kind
from tests.azure.double.double import Double
from tests.e2e.conftest import ROOT, a_host, free_ports, make_playground
from tests.e2e.lives import Tiny, lives
from tests.e2e.tiny_story import make_tiny

pytestmark = pytest.mark.timeout(280, func_only=True)


@pytest.fixture(scope="module")
def cloud(azure_for_a_host: Double) -> Double:
    """A workspace with a cluster of machines and the environment that the job names."""
    azure_for_a_host.seeds.managed_compute("cpu")
    azure_for_a_host.seeds.environment("flight-delay")
    return azure_for_a_host


@pytest.fixture(scope="module")
def home(cloud: Double, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A host that is up, with scenarios/inventories/local.yaml in which `cloud-cpu` is a compute of the workspace."""
    place = tmp_path_factory.mktemp("home")
    said = yaml.safe_load(free_ports((ROOT / "scenarios/inventories/local.yaml").read_text()))
    options = cloud.places.options(compute="cpu")
    said["targets"]["cloud-cpu"] = {"site": "cloud", "driver": "azureml", "roles": ["train"], "options": options}
    said["environments"] = [{"name": "*", "python": "current", "targets": ["onprem-*", "cloud-serving", "cloud-aks-*"]}]
    (place / "inventory.yaml").write_text(json.dumps(said))
    with a_host(place, place / "inventory.yaml"):
        yield place


def jobs_begun(cloud: Double) -> int:
    return len([one for one in cloud.record.asked("PUT", "/jobs/") if one.status == 201])


def test_training_on_azure_and_serving_on_premises_live_their_whole_life(
    cloud: Double, home: Path, tmp_path: Path
) -> None:
    before = jobs_begun(cloud)
    lives(make_playground(home, tmp_path / "scenarios", "cloud_train_onprem_deploy", "lake"), Tiny)
    assert jobs_begun(cloud) - before == 4  # first, new data, a bad model, a broken one


def test_a_plan_says_that_the_registry_is_on_this_machine_only(home: Path, tmp_path: Path) -> None:
    """Azure is asked through loopback here, so it may be on this machine: that is said, and not refused."""
    story = make_tiny(make_playground(home, tmp_path / "scenarios", "cloud_train_onprem_deploy", "lake"))
    said = story.run(command="plan")
    assert said.code == 0, said.err
    [finding] = [one for one in said.json["findings"] if one["field"] == "registry"]
    assert (finding["kind"], "unless that is this machine too" in finding["detail"]) == ("note", True)


def test_the_data_stays_in_the_cloud_and_the_model_crosses(cloud: Double, home: Path, tmp_path: Path) -> None:
    story = make_tiny(make_playground(home, tmp_path / "scenarios", "cloud_train_onprem_deploy", "lake"))
    story.good()
    moved = {(entry.payload["kind"], entry.payload["to_site"]) for entry in story.entries(Kind.MOVEMENT)}
    assert ("model", "onprem") in moved
    assert not [kind for kind, _ in moved if kind == "data"]
    said = story.playground.landbridge("logs", story.name)
    assert said.code == 0, said.err


def test_work_goes_to_azure_while_the_rack_is_drained(cloud: Double, home: Path, tmp_path: Path) -> None:
    story = make_tiny(make_playground(home, tmp_path / "scenarios", "hybrid_train_deploy", "lake"))
    before = jobs_begun(cloud)
    drain = ["targets", "set", "onprem-rack", "-i", str(home / "inventory.yaml")]
    assert story.playground.landbridge(*drain, "firmware", "--drain").code == 0
    try:
        report = story.good()
    finally:
        assert story.playground.landbridge(*drain, "--undrain").code == 0
    assert report["outcome"] == "Promoted"
    assert jobs_begun(cloud) - before == 1
    assert not list(home.glob(f"sites/*/jobs/onprem-rack/{story.name}-*"))
