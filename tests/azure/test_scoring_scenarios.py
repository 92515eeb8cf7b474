"""`landbridge score` through the command line with Azure below: as a job on both kinds of compute, and by a batch endpoint."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from landbridge.domain.ledger import Kind
from tests.azure.double.double import Double
from tests.e2e.conftest import ROOT, a_host, free_ports, make_playground
from tests.e2e.test_scoring import add_batch
from tests.e2e.tiny_story import TinyStory, make_tiny

pytestmark = [pytest.mark.timeout(400, func_only=True), pytest.mark.slow]
COMPUTES = {"aml-machines": "cpu", "aml-cluster": "k8s", "aml-batch": "k8s"}


@pytest.fixture(scope="module")
def cloud(azure_for_a_host: Double) -> Double:
    """A workspace with both kinds of compute and the environment that the job names."""
    azure_for_a_host.seeds.managed_compute("cpu")
    azure_for_a_host.seeds.kubernetes_compute("k8s")
    azure_for_a_host.seeds.environment("flight-delay")
    return azure_for_a_host


@pytest.fixture(scope="module")
def home(cloud: Double, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A host that is up, with three targets of one workspace beside those of scenarios/inventories/local.yaml."""
    place = tmp_path_factory.mktemp("home")
    said = yaml.safe_load(free_ports((ROOT / "scenarios/inventories/local.yaml").read_text()))
    said["targets"] |= {name: target(cloud, name) for name in COMPUTES}
    said["environments"] = [{"name": "*", "python": "current", "targets": ["onprem-*", "cloud-*"]}]
    (place / "inventory.yaml").write_text(json.dumps(said))
    with a_host(place, place / "inventory.yaml"):
        yield place


def target(cloud: Double, name: str) -> dict[str, Any]:
    way = {"batch_scoring": "endpoint"} if name == "aml-batch" else {}
    options = cloud.places.options(compute=COMPUTES[name], **way)
    return {"site": "cloud", "driver": "azureml", "roles": ["train"], "options": options}


@pytest.fixture(scope="module")
def story(home: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyStory:
    """A scenario whose first version serves."""
    folder = tmp_path_factory.mktemp("story") / "scenarios"
    made = make_tiny(make_playground(home, folder, "hybrid_train_deploy", "lake"))
    made.good()
    return made


def pipelines(cloud: Double) -> list[str]:
    found = cloud.world.resources.children(cloud.world.ml("jobs"))
    return [one["name"] for one in found if one["properties"]["jobType"] == "Pipeline"]


@pytest.mark.parametrize("name", ["aml-machines", "aml-cluster"])
def test_a_job_scores_on_a_compute_of_the_workspace(cloud: Double, story: TinyStory, name: str) -> None:
    details = story.good("--data", "flights", "--target", name, command="score")["details"]
    assert (details["target"], details["site"]) == (name, "cloud")
    assert details["counts"] == {"files": 1, "failed_files": 0, "rows": 1, "failed_rows": 0, "skipped_files": 0}
    with (Path(details["output"]) / "flights-2013-01.csv.predictions.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == [{"row": "0", "prediction": "1.0"}]
    assert story.good("--data", "flights", "--target", name, command="score")["details"] == details
    assert len([*cloud.record.asked("PUT", f"/jobs/{details['job']}")]) == 1
    assert pipelines(cloud) == []


def test_a_batch_endpoint_scores_once_for_the_same_order(cloud: Double, story: TinyStory) -> None:
    words = ("--data", "flights", "--target", "aml-batch")
    details = story.good(*words, command="score")["details"]
    assert details["counts"] == {"files": 1, "failed_files": 0, "rows": 1, "failed_rows": 0, "skipped_files": 0}
    folder = Path(details["output"])
    assert folder.is_relative_to(story.playground.home / "sites" / "cloud")
    [line] = (folder / "predictions.csv").read_text().splitlines()
    assert line.split() == ["0", "1.0", "flights-2013-01.csv"]
    assert story.good(*words, command="score")["details"] == details
    assert pipelines(cloud) == [details["job"]]
    assert not [*cloud.record.asked("PUT", f"/jobs/{details['job']}")]
    assert len(cloud.world.resources.children(cloud.world.ml("batchEndpoints"))) == 1
    assert story.entries(Kind.SCORING)[0].payload["way"] == "endpoint"
    log = story.playground.landbridge("logs", story.name, "--scoring")
    assert "1 files, 0 failed, 1 rows" in log.out


def test_failed_files_and_kinds_that_it_does_not_read_are_told(cloud: Double, story: TinyStory) -> None:
    words = ("--data", "flights", "--target", "aml-batch")
    (story.playground.lake / "broken.parquet").write_text("no parquet")
    failed = story.run(*words, command="score")
    assert failed.code == 4, failed.err
    borne = story.good(*words, "--error-threshold", "1", command="score")["details"]
    assert (borne["counts"]["files"], borne["counts"]["failed_files"]) == (2, 1)
    summary = json.loads((Path(borne["output"]) / "summary.json").read_text())
    assert [error["file"] for error in summary["errors"]] == ["broken.parquet"]
    before = pipelines(cloud)
    (story.playground.lake / "more.jsonl").write_text("{}")
    refused = story.run(*words, command="score")
    assert refused.code == 3, refused.err
    assert "more.jsonl: a batch endpoint reads .csv and .parquet files" in refused.err
    assert pipelines(cloud) == before


@pytest.mark.parametrize("name", ["aml-machines", "aml-cluster"])
def test_the_script_of_a_batch_deployment_scores_as_a_job(home: Path, tmp_path: Path, name: str) -> None:
    story = make_tiny(make_playground(home, tmp_path / "scenarios", "hybrid_train_deploy", "lake"))
    story.good()
    add_batch(story.playground.scenario)
    details = story.good("--data", "flights", "--target", name, command="score")["details"]
    assert (details["target"], details["counts"]["rows"], details["counts"]["failed_files"]) == (name, 1, 0)
    assert (Path(details["output"]) / "scores.csv").read_text() == "flights-2013-01.csv 2.0 hello\n"
    refused = story.run("--data", "flights", "--target", "aml-batch", command="score")
    assert refused.code == 3, refused.err
    assert "endpoint.batch: a batch endpoint of this target takes nothing from a file" in refused.err
