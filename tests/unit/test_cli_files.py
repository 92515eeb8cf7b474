"""`new` and `validate`: what they write, and how they name every fault with its line."""

from pathlib import Path

import pytest

from landbridge.domain.values import Pattern
from tests.unit.cli import landbridge

SCENARIO = "scenario.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid scenario as `landbridge new` writes it."""
    made = tmp_path / "good"
    assert landbridge("new", "good", "-p", "hybrid_train_deploy", "--dir", str(made)).code == 0
    return made


@pytest.mark.parametrize("pattern", list(Pattern))
def test_what_new_writes_is_valid(tmp_path: Path, pattern: Pattern) -> None:
    made = landbridge("new", "good", "--pattern", str(pattern), "--dir", str(tmp_path / "x"), "-o", "json")
    assert set(made.json) == {"folder", "files"}
    said = landbridge("validate", str(tmp_path / "x" / SCENARIO))
    assert said.code == 0, said.err
    assert said.out.startswith("Valid: ")


def test_new_never_writes_over_a_file(folder: Path) -> None:
    (folder / SCENARIO).write_text("mine")
    said = landbridge("new", "good", "-p", "private_aks", "--dir", str(folder))
    assert said.code == 2
    assert "exists already; nothing was written" in said.err
    assert (folder / SCENARIO).read_text() == "mine"


def test_a_name_that_cannot_name_an_endpoint_is_refused(tmp_path: Path) -> None:
    assert landbridge("new", "Good_Name", "-p", "private_aks", "--dir", str(tmp_path / "x")).code == 2
    assert not (tmp_path / "x").exists()


def test_a_fault_is_named_with_file_and_line(folder: Path) -> None:
    line = spoil(folder / SCENARIO, "gate:", "gatee:")
    said = landbridge("validate", str(folder / SCENARIO))
    assert said.code == 2
    assert f"{SCENARIO}:{line}: " in said.err
    assert "To fix: Write `gate`" in said.err


def test_the_faults_of_all_three_files_are_told_together(folder: Path) -> None:
    places = [
        f"{SCENARIO}:{spoil(folder / SCENARIO, 'min_rows:', 'min_row:')}",
        f"inventory.yaml:{spoil(folder / 'inventory.yaml', 'roles: [train]', 'roles: [trains]')}",
    ]
    said = landbridge("validate", str(folder / SCENARIO), "--output", "json")
    assert said.code == 2
    assert not said.json["valid"]
    assert [place for place in places if not any(place in fault["where"] for fault in said.json["problems"])] == []
    assert all(fault["message"] and fault["hint"] for fault in said.json["problems"])


def test_a_job_s_fault_is_found_through_its_scenario(folder: Path) -> None:
    line = spoil(folder / "job.yaml", "environment:", "enviroment:")
    said = landbridge("validate", str(folder / SCENARIO))
    assert said.code == 2
    assert f"job.yaml:{line}: " in said.err


def test_a_batch_deployment_s_fault_is_found_through_its_scenario(folder: Path) -> None:
    file = folder / "batch.yml"
    file.write_text("name: scores\nendpoint_name: scores\nmodel: azureml:m:1\ncompute: azureml:c\n")
    spoil(folder / SCENARIO, "endpoint:\n", "endpoint:\n  batch: batch.yml\n")
    assert landbridge("validate", str(folder / SCENARIO)).code == 0
    line = spoil(file, "compute:", "mini_batch_siz: 3\ncompute:")
    said = landbridge("validate", str(folder / SCENARIO))
    assert (said.code, f"batch.yml:{line}: " in said.err, "`mini_batch_size`" in said.err) == (2, True, True)
    other = spoil(folder / "job.yaml", "environment:", "enviroment:")
    said = landbridge("validate", str(folder / SCENARIO))
    assert [f"{name}:{number}: " in said.err for name, number in (("batch.yml", line), ("job.yaml", other))] == [
        True,
        True,
    ]


def test_what_contradicts_between_the_files_is_found_when_each_is_right(folder: Path) -> None:
    spoil(folder / SCENARIO, "  patients:", "  patient:")
    said = landbridge("validate", str(folder / SCENARIO))
    assert said.code == 2
    assert "'patients'" in said.err


@pytest.mark.parametrize("name", ["inventory.yaml", "job.yaml"])
def test_a_file_alone_is_known_by_its_keys(folder: Path, name: str) -> None:
    said = landbridge("validate", str(folder / name), "-o", "json")
    assert said.json == {"valid": True, "files": [str(folder / name)], "problems": []}


def test_a_missing_file_and_a_missing_inventory_are_said(folder: Path) -> None:
    assert "nix.yaml" in landbridge("validate", str(folder / "nix.yaml")).err
    (folder / "inventory.yaml").unlink()
    said = landbridge("validate", str(folder / SCENARIO))
    assert said.code == 2
    assert "--inventory" in said.err


def spoil(path: Path, old: str, new: str) -> int:
    """Replace the first `old`; returns its line."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def test_json_is_all_there_is_on_standard_output(folder: Path) -> None:
    (folder / SCENARIO).write_text("gatee: 1\n")
    said = landbridge("validate", str(folder / SCENARIO), "-o", "json")
    assert said.json["problems"]
    assert said.err == ""


ENDPOINT = "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: heart-batch\n"
DEPLOYMENT = "name: blue\nendpoint_name: heart-batch\nmodel: azureml:heart:1\ncompute: azureml:cpu\n"


@pytest.mark.parametrize(
    ("text", "wrong", "said"),
    [
        (ENDPOINT, "descripton: x\n", "Write `description`"),
        (DEPLOYMENT, "minibatch_size: 2\n", "Write `mini_batch_size`"),
        (f"type: model\n{DEPLOYMENT}", "settings: {error_treshold: 1}\n", "Write `error_threshold`"),
        ("name: heart-live\ncompute: azureml:aks\nauth_mode: Key\n", "descripton: x\n", "Write `description`"),
        (
            "$schema: https://x.net/latest/managedOnlineEndpoint.schema.json\nname: heart-live\n",
            "trafic: 1\n",
            "Write `traffic`",
        ),
        ("name: blue\nendpoint_name: heart-live\ntype: kubernetes\n", "modle: x\n", "Write `model`"),
        ("name: blue\nendpoint_name: heart-live\ninstance_type: Standard_DS3_v2\n", "modle: x\n", "Write `model`"),
    ],
)
def test_files_of_endpoints_are_valid_as_they_are_published(tmp_path: Path, text: str, wrong: str, said: str) -> None:
    file = tmp_path / "file.yml"
    file.write_text(text)
    assert landbridge("validate", str(file)).out == f"Valid: {file}\n"
    file.write_text(text + wrong)
    refused = landbridge("validate", str(file))
    assert (refused.code, said in refused.err) == (2, True)
    assert f"file.yml:{text.count(chr(10)) + 1}" in refused.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type: sweep\ntrial:\n  command: python train.py\nsearch_space: {}\n", "a job of type 'sweep'"),
        ("type: pipeline\njobs:\n  one:\n    command: python train.py\n", "a job of type 'pipeline'"),
        (
            "name: blue\nendpoint_name: heart-batch\ntype: pipeline\ncomponent: azureml:steps:1\n"
            "settings: {default_compute: cpu}\n",
            "A deployment of a pipeline",
        ),
        (
            "name: blue\nendpoint_name: heart-batch\njob_definition: azureml:one\nsettings: {default_compute: cpu}\n",
            "A deployment of a pipeline",
        ),
    ],
)
def test_a_file_of_azure_ml_that_is_not_taken_says_what_it_is(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "file.yml").write_text(text)
    refused = landbridge("validate", str(tmp_path / "file.yml"))
    assert (refused.code, said in refused.err, "inventory" in refused.err) == (2, True, False), refused.err
    assert "is not a known key" not in refused.err
