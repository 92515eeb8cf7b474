"""`landbridge targets` tells what a workspace has to run on, also what the inventory does not name."""

import json
from pathlib import Path

import pytest

from landbridge.domain.values import Resources
from landbridge.drivers.azureml.discovery import offers
from landbridge.drivers.azureml.options import read_options
from landbridge.operations import queries
from tests.azure.azure_jobs import ground
from tests.azure.double.double import Double
from tests.unit.cli import landbridge

GIB = 1 << 30


def inventory(azure: Double, folder: Path, **targets: dict[str, str]) -> Path:
    said = {
        "name": "lab",
        "sites": {"cloud": {"kind": "cloud", "registry": {"driver": "memory"}}},
        "targets": {
            name: {"site": "cloud", "driver": "azureml", "roles": ["train"], "options": azure.places.options(**options)}
            for name, options in targets.items()
        },
    }
    (folder / "inventory.yaml").write_text(json.dumps(said))
    return folder / "inventory.yaml"


def test_every_compute_is_offered_with_its_types_and_powers(azure: Double, tmp_path: Path) -> None:
    azure.seeds.kubernetes_compute("k8s")
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    aml = ground(azure, tmp_path, compute="cpu")
    cpu, k8s, serverless = offers(read_options(aml.target, aml.inventory))
    assert (cpu.name, cpu.powers, cpu.nodes, cpu.used) == ("cpu", ("train", "batch"), 4, True)
    assert [(one.name, one.limits) for one in cpu.instance_types] == [("Standard_DS3_v2", Resources(4000, 14 * GIB))]
    assert (k8s.name, k8s.powers, k8s.nodes, k8s.used) == ("k8s", ("train", "serve", "batch"), None, False)
    assert {one.name: one.limits for one in k8s.instance_types} == {
        "big": Resources(4000, 8 * GIB),
        "defaultinstancetype": Resources(2000, 2 * GIB),
    }
    assert (serverless.name, serverless.powers, serverless.used) == ("serverless", ("train",), False)


def test_each_compute_is_told_once_with_the_targets_that_use_it(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu")
    file = inventory(azure, tmp_path, one={"compute": "cpu"}, two={"compute": "cpu"}, free={})
    found = queries.targets(home=str(tmp_path / "home"), inventory=str(file))
    assert isinstance(found["offers"], list)
    rows = [row for row in found["offers"] if isinstance(row, dict)]
    assert [(row["name"], row["targets"]) for row in rows] == [("cpu", ["one", "two"]), ("serverless", ["free"])]
    assert found["offers_not_told"] == {}


def test_a_workspace_that_does_not_answer_is_told_and_the_rest_is_shown(
    azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.seeds.managed_compute("cpu")
    azure.faults.add("GET", "/computes[?]", status=403, times=None)
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    said = landbridge("targets", "-i", str(inventory(azure, tmp_path, one={"compute": "cpu"})))
    assert said.code == 0
    assert "HTTP 403" in said.err
    assert "one" in said.out


def test_people_see_what_they_may_name(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.seeds.kubernetes_compute("k8s")
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    said = landbridge("targets", "-i", str(inventory(azure, tmp_path, one={"compute": "k8s"})))
    assert said.code == 0, said.err
    for words in ("big (4 CPUs and 8 GiB memory)", "train, serve, batch", "any size of the region"):
        assert words in said.out
