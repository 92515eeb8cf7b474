"""Batch endpoint and deployment YAML, as a user of `az ml` has it: every published shape loads unedited."""

from pathlib import Path

import pytest

from landbridge.domain.azure.batch import BatchSettings
from landbridge.domain.errors import InputError
from landbridge.files.batch import load_batch_deployment, load_batch_endpoint

ENDPOINT = """$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json
name: mnist-batch
description: A batch endpoint for scoring images.
auth_mode: aad_token
tags: {type: deep-learning}
"""
OLD = """$schema: https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json
name: mnist-torch-dpl
endpoint_name: mnist-batch
model:
  name: mnist
  path: model
code_configuration:
  code: code
  scoring_script: batch_driver.py
environment:
  conda_file: conda.yml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
compute: azureml:batch-cluster
resources:
  instance_count: 2
  instance_type: big
max_concurrency_per_instance: 2
mini_batch_size: 5
output_action: append_row
output_file_name: scores.csv
retry_settings:
  max_retries: 1
  timeout: 300
error_threshold: 4
logging_level: debug
environment_variables: {DEBUG: true, LEVEL: 3}
"""
NEW = """$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: classifier
endpoint_name: heart-batch
type: model
model: azureml:heart@latest
compute: azureml:batch-cluster
resources:
  instance_count: 2
settings:
  max_concurrency_per_instance: 2
  mini_batch_size: 2
  output_action: append_row
  retry_settings: {max_retries: 3, timeout: 300}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/batch_driver.py").write_text("")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.10]\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    (folder / "file.yml").write_text(text)
    return folder / "file.yml"


class TestEndpoint:
    def test_an_endpoint(self, folder: Path) -> None:
        found = load_batch_endpoint(write(folder, ENDPOINT + "defaults: {deployment_name: blue}\n"))
        assert (found.name, found.default_deployment, found.tags) == ("mnist-batch", "blue", {"type": "deep-learning"})
        assert found.options == {}

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("mnist-batch", "9-lives", "no legal name"),
            ("aad_token", "key", "auth_mode"),
            ("description:", "descripton:", "Write `description`"),
        ],
    )
    def test_faults_are_named(self, folder: Path, old: str, new: str, words: str) -> None:
        with pytest.raises(InputError, match=words):
            load_batch_endpoint(write(folder, ENDPOINT.replace(old, new)))


class TestDeployment:
    def test_settings_at_the_root(self, folder: Path) -> None:
        found = load_batch_deployment(write(folder, OLD))
        assert (found.name, found.endpoint, found.compute) == (
            "mnist-torch-dpl",
            "mnist-batch",
            "azureml:batch-cluster",
        )
        assert found.model == {"name": "mnist", "path": str(folder / "model")}
        assert (found.code, found.scoring_script) == (str(folder / "code"), "batch_driver.py")
        assert (found.instance_count, found.instance_type) == (2, "big")
        assert found.environment
        assert found.environment.conda == {"dependencies": ["python=3.10"]}
        variables = {"DEBUG": "true", "LEVEL": "3"}
        assert found.settings == BatchSettings(4, 5, 2, 1, 300, "debug", "append_row", "scores.csv", variables)
        assert found.options == {}

    def test_settings_below_settings_of_a_model_that_needs_no_code(self, folder: Path) -> None:
        found = load_batch_deployment(write(folder, NEW))
        assert (found.model, found.code, found.environment) == ("azureml:heart@latest", "", None)
        assert found.settings == BatchSettings(mini_batch_size=2, max_concurrency_per_instance=2, retry_timeout=300)
        assert found.instance_count == 2

    def test_what_is_not_said_is_as_azure_has_it(self, folder: Path) -> None:
        text = "name: blue\nendpoint_name: heart\nmodel: azureml:heart:1\ncompute: azureml:cpu\n"
        assert load_batch_deployment(write(folder, text)).settings == BatchSettings()

    @pytest.mark.parametrize(
        ("text", "old", "new", "words"),
        [
            (OLD, "mini_batch_size", "minibatch_size", "Write `mini_batch_size`"),
            (OLD, "timeout: 300", "time_out: 300", "Write `timeout`"),
            (OLD, "error_threshold: 4", "error_threshold: -2", "error_threshold"),
            (OLD, "append_row", "append_rows", "output_action"),
            (OLD, "batch_driver.py", "driver.py", "there is no .*driver.py"),
            (OLD, "compute: azureml:batch-cluster\n", "", "needs `compute`"),
            (OLD, "name: mnist-torch-dpl", "name: a_b", "no legal name"),
            (OLD, "instance_type: big", "instance_type: [big, small]", "names several"),
            (NEW, "type: model\n", "", "`settings` needs `type: model`"),
            (NEW, "settings:\n", "mini_batch_size: 1\nsettings:\n", "stands beside `settings`"),
            (NEW, "azureml:heart@latest", "azureml://registries/r/models/m/versions/1", "nothing from a registry"),
            (NEW, "type: model", "type: pipeline", "deployment of a pipeline"),
            (NEW, "type: model", "component: azureml:c:1", "deployment of a pipeline"),
        ],
    )
    def test_faults_are_named(self, folder: Path, text: str, old: str, new: str, words: str) -> None:
        with pytest.raises(InputError, match=words):
            load_batch_deployment(write(folder, text.replace(old, new)))
