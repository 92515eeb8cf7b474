"""Batch endpoints: the unmodified Azure ML SDK against the double."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.azure.double.allowed import ALLOWED
from tests.azure.double.double import Double
from tests.azure.sdk import wait
from tests.services import tiny_models

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

SCRIPT = """
import os
def init():
    global weights
    weights = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "w.txt")).read()
def run(files):
    texts = [open(one).read() for one in files]
    if "bad" in texts:
        raise ValueError("cannot score this")
    return [weights + text for text in texts]
"""


@pytest.fixture
def deploy(azure: Double, ml: "MLClient", tmp_path: Path) -> Callable[..., None]:
    """Deploy a batch endpoint `batch1` with the script, or, with an MLflow model, without one."""
    from azure.ai.ml.entities import (
        BatchEndpoint,
        CodeConfiguration,
        Environment,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    code = tmp_path / "batch-code"
    code.mkdir()
    (code / "batch.py").write_text(SCRIPT)
    (tmp_path / "w.txt").write_text("w")

    def make(mlflow_model: str = "", **settings: Any) -> None:
        azure.seeds.kubernetes_compute("k8s")
        kind = {"path": mlflow_model, "type": "mlflow_model"} if mlflow_model else {"path": str(tmp_path / "w.txt")}
        scoring = {
            "environment": Environment(image="x"),
            "code_configuration": CodeConfiguration(code=str(code), scoring_script="batch.py"),
        }
        ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch1")).result()
        deployment = ModelBatchDeployment(
            name="one",
            endpoint_name="batch1",
            model=ml.models.create_or_update(Model(name="m", **kind)).id,
            compute="k8s",
            settings=ModelBatchDeploymentSettings(**{"mini_batch_size": 10, **settings}),
            **({} if mlflow_model else scoring),
        )
        ml.batch_deployments.begin_create_or_update(deployment).result()
        endpoint = ml.batch_endpoints.get("batch1")
        endpoint.defaults.deployment_name = "one"
        ml.batch_endpoints.begin_create_or_update(endpoint).result()

    return make


@pytest.fixture
def score(azure: Double, ml: "MLClient") -> Callable[..., Any]:
    """Invoke `batch1` on files with these texts; returns the job that ended."""
    from azure.ai.ml import Input

    def invoke(texts: list[str], **more: Any) -> Any:
        for number, text in enumerate(texts):
            azure.seeds.blob(f"in/{number}.csv", text.encode())
        folder = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/in/")
        return wait(ml, ml.batch_endpoints.invoke("batch1", inputs={"data": folder}, **more).name)

    return invoke


def test_an_invocation_scores_every_file(
    ml: "MLClient", deploy: Callable[..., None], score: Callable[..., Any], tmp_path: Path
) -> None:
    deploy(mini_batch_size=2, output_file_name="scores.csv")
    job = score(list("01234"))
    assert job.status == "Completed"
    assert [one.name for one in ml.batch_endpoints.list_jobs("batch1")] == [job.name]
    assert [one.name for one in ml.batch_deployments.list_jobs("batch1", name="one")] == [job.name]
    ml.jobs.download(job.name, download_path=tmp_path / "got")
    assert (tmp_path / "got/scores.csv").read_text() == "w0\nw1\nw2\nw3\nw4\n"
    assert [one.name for one in ml.batch_deployments.list("batch1")] == ["one"]
    ml.batch_deployments.begin_delete("one", "batch1").result()
    ml.batch_endpoints.begin_delete("batch1").result()
    assert not list(ml.batch_endpoints.list())


def test_an_mlflow_model_needs_no_script(
    ml: "MLClient", deploy: Callable[..., None], score: Callable[..., Any], tmp_path: Path
) -> None:
    deploy(mlflow_model=tiny_models.line(2.0)[0])
    job = score(["x\n1.0\n2.0\n", "x\n3.0\n"])
    assert job.status == "Completed"
    ml.jobs.download(job.name, download_path=tmp_path / "got")
    rows = [line.split() for line in (tmp_path / "got/predictions.csv").read_text().splitlines()]
    assert [(row, float(value), file) for row, value, file in rows] == [
        ("0", pytest.approx(2), "0.csv"),
        ("1", pytest.approx(4), "0.csv"),
        ("0", pytest.approx(6), "1.csv"),
    ]


@pytest.mark.parametrize(("threshold", "status"), [(-1, "Completed"), (1, "Completed"), (0, "Failed")])
def test_failed_files_count_against_the_threshold(
    azure: Double, deploy: Callable[..., None], score: Callable[..., Any], threshold: int, status: str
) -> None:
    deploy(mini_batch_size=1, error_threshold=threshold)
    assert score(["0", "bad"]).status == status


def test_an_invocation_needs_a_deployment(ml: "MLClient", score: Callable[..., Any]) -> None:
    from azure.ai.ml.entities import BatchEndpoint
    from azure.core.exceptions import HttpResponseError

    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch1")).result()
    with pytest.raises(HttpResponseError, match="no default deployment"):
        score(["0"])


def test_what_the_sdk_does_no_more_is_allowed_no_more(azure: Double, deploy: Callable[..., None]) -> None:
    deploy()
    unused = [one.pattern for one in ALLOWED if not any(one.allows(finding) for finding in azure.findings())]
    assert not unused
