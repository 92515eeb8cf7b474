"""`ops` over Azure while it is busy, breaks answers off, or lets nobody in: repeated where that helps, told where it does not."""

from pathlib import Path

import pytest
import yaml

from tests.azure.double.double import Double
from tests.azure.operated import write_inventory
from tests.unit.cli import Said, landbridge

ORDER = {
    "name": "azureml",
    "cluster": {"kind": "aks", "name": "one", "resource_group": "ml"},
    "features": "training",
}


class Place:
    def __init__(self, azure: Double, folder: Path, settings: dict[str, str] | None) -> None:
        self.azure = azure
        self.cluster = azure.seeds.cluster("one", "aks", settings=settings)
        self.inventory = write_inventory(azure, folder, compute="team", operations={"cluster": self.cluster})
        (folder / "extension.yaml").write_text(yaml.safe_dump(ORDER))
        self.order = str(folder / "extension.yaml")

    def ops(self, *words: str) -> Said:
        return landbridge("ops", *words, "--inventory", str(self.inventory))


@pytest.fixture
def bare(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path, {})


@pytest.fixture
def ready(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path, None)


@pytest.mark.parametrize(
    "fault", [{"status": 429, "retry_after": 1}, {"status": 503}, {"lose": True}, {"half": True}], ids=str
)
def test_what_may_heal_is_asked_again_and_done_once(bare: Place, fault: dict[str, object]) -> None:
    bare.azure.faults.add("PUT", "/extensions/", **fault)
    said = bare.ops("extension", "install", "aml", bare.order)
    assert said.code == 0, said
    assert bare.ops("extension", "status", "aml").code == 0


@pytest.mark.parametrize("fault", [{"status": 429, "retry_after": 1}, {"status": 500}, {"lose": True}], ids=str)
def test_an_attachment_outlives_what_may_heal(ready: Place, fault: dict[str, object]) -> None:
    ready.azure.faults.add("PUT", "/computes/", **fault)
    said = ready.ops("attach", "aml", "--no-probe")
    assert said.code == 0, said


@pytest.mark.parametrize(
    ("words", "method", "pattern"),
    [
        (("cluster", "check", "aml"), "GET", "/managedClusters/one\\?"),
        (("attach", "aml", "--no-probe"), "PUT", "/computes/"),
        (("extension", "status", "aml"), "GET", "/extensions"),
        (("extension", "remove", "aml"), "DELETE", "/extensions/"),
    ],
    ids=str,
)
def test_a_right_that_is_missing_is_told_as_that(
    ready: Place, words: tuple[str, ...], method: str, pattern: str
) -> None:
    ready.azure.faults.add(
        method, pattern, status=403, code="AuthorizationFailed", message="The client may not do this."
    )
    said = ready.ops(*words)
    assert (said.code, "may not do this" in said.err, "Kubernetes Extension Contributor" in said.err) == (
        10,
        True,
        True,
    )


def test_a_conflict_is_told_as_something_that_goes_on(ready: Place) -> None:
    ready.azure.faults.add(
        "DELETE", "/extensions/", status=409, code="Conflict", message="Another operation is in progress."
    )
    said = ready.ops("extension", "remove", "aml")
    assert (said.code, "in progress" in said.err) == (69, True)
    assert ready.ops("extension", "remove", "aml").code == 0
