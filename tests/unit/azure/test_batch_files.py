"""Batch endpoint and deployment YAML, as a user of `az ml` has it: every published shape loads unedited."""

from pathlib import Path

import pytest

from landbridge.domain.azure.batch import BatchDeployment, BatchSettings, predictions_digest
from landbridge.domain.errors import InputError
from landbridge.files.batch import load_batch_deployment, load_batch_endpoint, load_for_scoring

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


def test_numbers_and_truth_values_are_labels_as_azure_ml_takes_them(folder: Path) -> None:
    label = "tags: {batch: 16, scale: 0.5, cuda: true, owner: null}\n"
    wanted = {"batch": "16", "scale": "0.5", "cuda": "True", "owner": ""}
    assert load_batch_endpoint(write(folder, ENDPOINT.replace("tags: {type: deep-learning}\n", label))).tags == wanted
    assert load_batch_deployment(write(folder, NEW + label)).tags == wanted
    assert load_batch_deployment(write(folder, OLD + label)).tags == wanted


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


class TestForScoring:
    @pytest.mark.parametrize("text", [OLD, NEW])
    def test_published_files_score_unedited(self, folder: Path, text: str) -> None:
        found = load_for_scoring(write(folder, text))
        assert found == load_batch_deployment(folder / "file.yml")

    def test_what_the_file_gives_is_told_from_what_azure_takes_without_it(self, folder: Path) -> None:
        below = {"max_concurrency_per_instance", "mini_batch_size", "output_action", "retry_settings"}
        assert load_for_scoring(write(folder, NEW)).said == below
        assert load_for_scoring(write(folder, OLD)).said == below | {
            *("output_file_name", "error_threshold", "logging_level", "environment_variables"),
        }

    @pytest.mark.parametrize(
        ("old", "new", "line", "words"),
        [
            ("  code: code", "  code: azureml:code:1", 8, "azureml:code:1 is no folder on this machine"),
            ("  code: code\n", "", 7, "nothing is no folder on this machine"),
            ("scores.csv", "a/scores.csv", 20, "'a/scores.csv' is no name"),
            ("scores.csv", ".scores", 20, "'.scores' is no name"),
            ("scores.csv", "summary.json", 20, "'summary.json' is no name"),
            ("batch_driver.py", "../conda.yml", 9, "is no Python file"),
        ],
    )
    def test_what_a_scoring_cannot_have_is_refused_with_its_line(
        self, folder: Path, old: str, new: str, line: int, words: str
    ) -> None:
        with pytest.raises(InputError, match=words) as caught:
            load_for_scoring(write(folder, OLD.replace(old, new)))
        assert caught.value.where == f"{folder}/file.yml:{line}"

    def test_below_settings_the_line_is_found_too(self, folder: Path) -> None:
        with pytest.raises(InputError, match="'' is no name") as caught:
            load_for_scoring(write(folder, NEW.replace("output_action: append_row", "output_file_name: ''")))
        assert caught.value.where.endswith(":12")


def deployment(folder: Path, text: str) -> BatchDeployment:
    return load_for_scoring(write(folder, text))


class TestDigest:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("mini_batch_size: 5", "mini_batch_size: 6"),
            ("max_retries: 1", "max_retries: 2"),
            ("timeout: 300", "timeout: 301"),
            ("append_row", "summary_only"),
            ("scores.csv", "others.csv"),
            ("LEVEL: 3", "LEVEL: 4"),
            ("openmpi4.1.0", "openmpi4.1.1"),
            ("path: model", "path: other"),
        ],
    )
    def test_what_changes_the_predictions_is_another_scoring(self, folder: Path, old: str, new: str) -> None:
        assert predictions_digest(deployment(folder, OLD), "c", deployment(folder, OLD).model_folder) != (
            predictions_digest(
                deployment(folder, OLD.replace(old, new)), "c", deployment(folder, OLD.replace(old, new)).model_folder
            )
        )
        assert predictions_digest(deployment(folder, OLD), "c", "m") != predictions_digest(
            deployment(folder, OLD), "d", "m"
        )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("max_concurrency_per_instance: 2", "max_concurrency_per_instance: 3"),
            ("logging_level: debug", "logging_level: info"),
            ("batch-cluster", "other"),
            ("instance_type: big", "instance_type: small"),
            ("mnist-torch-dpl", "mnist-torch-two"),
        ],
    )
    def test_how_and_where_it_runs_does_not(self, folder: Path, old: str, new: str) -> None:
        assert predictions_digest(deployment(folder, OLD), "c", "m") == predictions_digest(
            deployment(folder, OLD.replace(old, new)), "c", "m"
        )
