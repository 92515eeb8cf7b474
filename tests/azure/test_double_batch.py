"""Batch endpoints: the unmodified Azure ML SDK against the double."""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.azure.double.double import Double
from tests.azure.sdk import wait

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def test_a_batch_endpoint_scores_files(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    from azure.ai.ml import Input
    from azure.ai.ml.entities import (
        BatchEndpoint,
        CodeConfiguration,
        Environment,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    azure.seeds.kubernetes_compute("k8s")
    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code/batch.py").write_text(
        "import os\ndef init():\n    global w\n    w = open(os.environ['AZUREML_MODEL_DIR'] + '/w.txt').read()\n"
        "def run(files):\n    return [w + open(one).read() for one in files]\n"
    )
    (tmp_path / "w.txt").write_text("w")
    model = ml.models.create_or_update(Model(name="m", path=str(tmp_path / "w.txt")))
    for number in range(5):
        azure.seeds.blob(f"in/{number}.txt", str(number).encode())
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch1")).result()
    deployment = ModelBatchDeployment(
        name="one",
        endpoint_name="batch1",
        model=model.id,
        environment=Environment(image="x"),
        compute="k8s",
        code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="batch.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=2, output_file_name="scores.csv"),
    )
    ml.batch_deployments.begin_create_or_update(deployment).result()
    endpoint = ml.batch_endpoints.get("batch1")
    endpoint.defaults.deployment_name = "one"
    ml.batch_endpoints.begin_create_or_update(endpoint).result()
    folder = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/in/")
    job = ml.batch_endpoints.invoke("batch1", inputs={"data": folder})
    assert wait(ml, job.name).status == "Completed"
    assert [one.name for one in ml.batch_endpoints.list_jobs("batch1")] == [job.name]
    ml.jobs.download(job.name, download_path=tmp_path / "got")
    assert (tmp_path / "got/scores.csv").read_text() == "w0\nw1\nw2\nw3\nw4\n"
    ml.batch_endpoints.begin_delete("batch1").result()
    assert not list(ml.batch_endpoints.list())
