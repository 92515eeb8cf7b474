"""`landbridge score` on the local driver: a real model over real files, and the same order again."""

import csv
import json
from pathlib import Path

import pytest

from landbridge.domain.ledger import Kind
from tests.e2e.conftest import Playground
from tests.e2e.tiny_story import make_tiny


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("playground", [("hybrid_train_deploy", "lake")], indirect=True)
def test_the_champion_scores_a_data_set_once_and_a_bad_file_is_told(playground: Playground) -> None:
    tiny = make_tiny(playground)
    missing = tiny.run("--data", "flights", command="score")
    assert missing.code == 7, missing.err
    assert "has no champion" in missing.err
    tiny.good()
    report = tiny.good("--data", "flights", command="score")
    details = report["details"]
    assert (report["outcome"], report["version"]) == ("Scored", "1")
    assert details["counts"] == {"files": 1, "failed_files": 0, "rows": 1, "failed_rows": 0, "skipped_files": 0}
    folder = Path(details["output"])
    assert folder.is_relative_to(playground.home / "sites" / details["site"])
    with (folder / "flights-2013-01.csv.predictions.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == [{"row": "0", "prediction": "1.0"}]
    assert tiny.good("--data", "flights", command="score")["details"] == details
    jobs = [path for path in playground.home.glob(f"sites/*/jobs/*/{tiny.name}-score-*")]
    assert [path.name for path in jobs] == [details["job"]]
    (playground.lake / "broken.parquet").write_text("no parquet")
    failed = tiny.run("--data", "flights", command="score")
    assert failed.code == 4, failed.err
    log = playground.landbridge("logs", str(playground.scenario), "-i", str(playground.inventory), "--scoring")
    assert "1 of 2 files failed; 0 may" in log.out
    borne = tiny.good("--data", "flights", "--error-threshold", "1", command="score")["details"]
    assert (borne["counts"]["files"], borne["counts"]["failed_files"]) == (2, 1)
    summary = json.loads((Path(borne["output"]) / "summary.json").read_text())
    assert [error["file"] for error in summary["errors"]] == ["broken.parquet"]
    assert {str(entry.payload["site"]) for entry in tiny.entries(Kind.SCORING)} == {details["site"]}


BATCH = """$schema: https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json
name: tiny-dpl
endpoint_name: tiny-batch
model: azureml:tiny@latest
code_configuration: {code: code, scoring_script: driver.py}
environment: azureml:flight-delay:1
compute: azureml:cpu-cluster
resources: {instance_count: 2}
max_concurrency_per_instance: 2
mini_batch_size: 2
output_action: append_row
output_file_name: scores.csv
retry_settings: {max_retries: 1, timeout: 60}
error_threshold: 0
logging_level: info
environment_variables: {GREETING: hello}
"""
DRIVER = """import json, os, beside
def init():
    global value
    value = json.load(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "value.json")))
def run(mini_batch):
    good = [path for path in mini_batch if "broken" not in path]
    return [f"{os.path.basename(path)} {beside.NUMBER * value} {os.environ['GREETING']}" for path in good]
"""


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("playground", [("hybrid_train_deploy", "lake")], indirect=True)
def test_a_batch_deployment_scores_unedited_and_another_script_is_another_scoring(playground: Playground) -> None:
    tiny = make_tiny(playground)
    tiny.good()
    add_batch(playground.scenario)
    tiny.month(2)
    (playground.lake / "image.png").write_text("any file is data of a script")
    report = tiny.good("--data", "flights", command="score")
    details = report["details"]
    assert details["counts"] == {"files": 3, "failed_files": 0, "rows": 3, "failed_rows": 0, "skipped_files": 0}
    folder = Path(details["output"])
    lines = sorted((folder / "scores.csv").read_text().splitlines())
    names = ["flights-2013-01.csv", "flights-2013-02.csv", "image.png"]
    assert lines == [f"{name} 2.0 hello" for name in names]
    named = {item["field"] for item in details["findings"]}
    assert {"compute", "model", "endpoint_name", "name", "resources.instance_count"} <= named
    assert tiny.good("--data", "flights", command="score")["details"] == details
    (playground.scenario.parent / "deploy" / "code" / "beside.py").write_text("NUMBER = 3")
    again = tiny.good("--data", "flights", command="score")["details"]
    assert again["job"] != details["job"]
    assert sorted((Path(again["output"]) / "scores.csv").read_text().splitlines())[0] == f"{names[0]} 3.0 hello"
    (playground.lake / "broken.csv").write_text("")
    failed = tiny.run("--data", "flights", command="score")
    assert failed.code == 4, failed.err
    log = playground.landbridge("logs", str(playground.scenario), "-i", str(playground.inventory), "--scoring")
    assert "1 of 4 files failed; 0 may" in log.out
    borne = tiny.good("--data", "flights", "--error-threshold", "1", command="score")["details"]
    assert (borne["counts"]["files"], borne["counts"]["failed_files"]) == (4, 1)
    said = {item["field"]: item["detail"] for item in borne["findings"]}
    assert said["error_threshold"] == "0: --error-threshold says 1."


def add_batch(scenario: Path) -> None:
    """Put a batch deployment, as it is published, beside the scenario."""
    code = scenario.parent / "deploy" / "code"
    code.mkdir(parents=True)
    (code / "driver.py").write_text(DRIVER)
    (code / "beside.py").write_text("NUMBER = 2")
    (code.parent / "batch.yml").write_text(BATCH)
    text = scenario.read_text()
    scenario.write_text(text.replace("\nendpoint:\n", "\nendpoint:\n  batch: deploy/batch.yml\n", 1))
