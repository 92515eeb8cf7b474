"""Scoring with the batch deployment that the scenario names: its script and settings are honoured, the rest is named."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.azure.batch import BatchDeployment
from landbridge.domain.errors import InputError, JobFailedError, NowhereToGoError, TargetUnavailableError
from landbridge.domain.ledger import Kind
from landbridge.domain.plan import FindingKind
from landbridge.domain.scoring import ScoringOrder
from landbridge.drivers.kubernetes.training_submit import pack_code
from landbridge.operations import scoring, scoring_job, scoring_resuming
from landbridge.operations.scoring import Scoring
from tests.operations.test_scoring import ORDER, scored, scoring_jobs, served
from tests.operations.world import World, as_yaml

__all__ = ["served"]
FILE = "deploy/batch.yml"
SCRIPT = "def init(): pass\ndef run(mini_batch): return mini_batch\n"
DEPLOYMENT: dict[str, Any] = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json",
    "name": "delay-dpl",
    "endpoint_name": "delay-batch",
    "description": "Scores flights.",
    "tags": {"team": "flights"},
    "properties": {"owner": "me"},
    "model": {"path": "../weights/delay-model"},
    "code_configuration": {"code": "code", "scoring_script": "driver.py"},
    "environment": "azureml:flights:9",
    "compute": "azureml:cpu-cluster",
    "resources": {"instance_count": 2},
    "max_concurrency_per_instance": 2,
    "mini_batch_size": 5,
    "output_file_name": "delays.csv",
    "retry_settings": {"max_retries": 1, "timeout": 300},
    "error_threshold": 4,
    "logging_level": "debug",
    "environment_variables": {"DEBUG": "1"},
}
WITHOUT_CODE = {key: value for key, value in DEPLOYMENT.items() if key not in {"code_configuration", "model"}} | {
    "model": "azureml:delay:1"
}


def deploy(world: World, deployment: dict[str, Any] = DEPLOYMENT, script: str = SCRIPT, **changes: Any) -> None:
    """Put the file beside the scenario, and its code beside it."""
    folder = world.folder / "deploy"
    (folder / "code" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "__pycache__" / "driver.pyc").write_text("left behind")
    (folder / "code" / "driver.py").write_text(script)
    (world.folder / FILE).write_text(as_yaml({**deployment, **changes}))
    world.scenario["endpoint"]["batch"] = FILE


@pytest.fixture
def deployed(served: World) -> World:
    deploy(served)
    return served


def prepared(world: World, order: ScoringOrder = ORDER) -> Scoring:
    return scoring.prepare(world.story(), order)


def told(world: World, order: ScoringOrder = ORDER) -> dict[str, tuple[FindingKind, str]]:
    return {item.field: (item.kind, item.detail) for item in prepared(world, order).findings}


class TestJob:
    def test_script_environment_variables_and_threshold_are_those_of_the_file(self, deployed: World) -> None:
        found = prepared(deployed)
        job = found.story.job
        assert job.environment.reference == "azureml:flights:9"
        assert job.environment_variables == {"DEBUG": "1"}
        assert (job.resources.instance_count, found.threshold) == (1, 4)
        assert job.command.startswith("python landbridge_mini_batches/score_mini_batches.py --settings ")
        assert (found.story.run_key, scored(deployed.story()).target) == (prepared(deployed).story.run_key, "cloud-cpu")

    def test_the_target_gets_the_script_with_what_calls_it_and_its_settings(self, deployed: World) -> None:
        found = prepared(deployed)
        with scoring_job.whole_code(found.story, found.deployment, found.threshold) as story:
            packed = pack_code(story.job.code)
        with scoring_job.whole_code(found.story, found.deployment, found.threshold) as story:
            assert pack_code(story.job.code) == packed
        with tarfile.open(fileobj=io.BytesIO(packed)) as package:
            names = package.getnames()
            settings = package.extractfile("landbridge_mini_batches/settings.json")
            assert settings
            said = json.loads(settings.read())
        beside = [f"landbridge_mini_batches/{name}" for name in ("score_mini_batches.py", "settings.json")]
        assert names == ["driver.py", *beside]
        assert said == {
            "scoring_script": "driver.py",
            "model_name": "delay-model",
            "error_threshold": 4,
            "mini_batch_size": 5,
            "max_concurrency_per_instance": 2,
            "max_retries": 1,
            "timeout": 300,
            "logging_level": "debug",
            "output_action": "append_row",
            "output_file_name": "delays.csv",
        }
        assert not Path(story.job.code).exists()

    def test_a_registered_model_lies_in_a_folder_named_like_the_jobs_output(self, served: World) -> None:
        deploy(served, model="azureml:delay:1")
        found = prepared(served)
        assert found.deployment
        with scoring_job.whole_code(found.story, found.deployment, 0) as story:
            settings = Path(story.job.code, "landbridge_mini_batches", "settings.json").read_text()
        assert json.loads(settings)["model_name"] == "model"

    def test_the_instance_type_and_resources_of_the_file_are_asked_of_placement(self, served: World) -> None:
        deploy(served, resources={"instance_type": "huge", "shm_size": "3g"})
        with pytest.raises(NowhereToGoError, match="huge"):
            prepared(served)
        served.inventory["targets"]["cloud-cpu"]["instance_types"] = [
            {"name": "huge", "resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}
        ]
        found = prepared(served)
        assert (found.target, found.story.job.resources.shm_size) == ("cloud-cpu", "3g")

    def test_an_environment_that_no_target_knows_is_refused_by_name(self, served: World) -> None:
        deploy(served, environment="azureml:torch:1")
        with pytest.raises(NowhereToGoError, match="'azureml:torch:1' means nothing on"):
            prepared(served)

    def test_without_code_the_models_own_way_is_kept(self, served: World) -> None:
        deploy(served, WITHOUT_CODE)
        job = prepared(served).story.job
        assert (job.code, job.command.split()[1]) == (scoring_job.CODE, "score_files.py")
        assert job.command.endswith("--error-threshold 4")
        assert (job.environment.reference, job.environment_variables) == ("azureml:flights:9", {"DEBUG": "1"})
        assert scored(served.story()).target == "cloud-cpu"

    def test_a_scenario_with_a_score_py_scores_with_the_batch_script(self, deployed: World) -> None:
        (deployed.folder / "score.py").write_text("")
        deployed.scenario["endpoint"]["scoring"] = {"code": ".", "script": "score.py"}
        assert prepared(deployed).target == "cloud-cpu"

    def test_code_that_already_has_that_folder_is_refused(self, deployed: World) -> None:
        (deployed.folder / "deploy/code/landbridge_mini_batches").mkdir()
        with pytest.raises(InputError, match="has landbridge_mini_batches"):
            scored(deployed.story())

    def test_a_fault_of_the_file_is_told_with_its_line(self, served: World) -> None:
        deploy(served, mini_batch_size=0)
        with pytest.raises(InputError, match="mini_batch_size") as caught:
            prepared(served)
        assert caught.value.where.startswith(f"{served.folder}/{FILE}:")


class TestKey:
    def test_the_same_order_is_the_same_job_and_another_script_or_setting_is_another(self, deployed: World) -> None:
        assert scored(deployed.story()) == scored(deployed.story())
        assert len(scoring_jobs(deployed)) == 1
        deploy(deployed, script=SCRIPT + "# changed\n")
        scored(deployed.story())
        deploy(deployed, mini_batch_size=6)
        scored(deployed.story())
        assert len(scoring_jobs(deployed)) == 3
        deploy(deployed, compute="azureml:other", logging_level="info")
        scored(deployed.story())
        assert len(scoring_jobs(deployed)) == 3

    def test_a_threshold_of_the_order_is_the_same_scoring_as_the_same_of_the_file(self, deployed: World) -> None:
        keys = {prepared(deployed, replace(ORDER, error_threshold=number)).story.run_key for number in (None, 4)}
        assert len(keys) == 1
        assert prepared(deployed, replace(ORDER, error_threshold=0)).story.run_key not in keys

    def test_without_a_word_on_failures_azures_own_is_kept(self, served: World) -> None:
        silent = {key: value for key, value in DEPLOYMENT.items() if key != "error_threshold"}
        deploy(served, silent)
        assert prepared(served).threshold == -1

    def test_a_job_that_never_came_to_its_target_is_ordered_again_with_the_same_script_only(
        self, deployed: World
    ) -> None:
        deployed.faults("cloud-cpu").plan(submit=["TargetUnavailableError"])
        with pytest.raises(TargetUnavailableError):
            scored(deployed.story())
        [begun] = scoring_resuming.all_begun(deployed.story()).scorings
        again = scoring_resuming.prepare_again(deployed.story(), begun)
        assert again is not None
        assert again.order == ScoringOrder("flights", "1", error_threshold=4)
        deploy(deployed, script=SCRIPT + "# changed\n")
        assert scoring_resuming.prepare_again(deployed.story(), begun) is None
        (deployed.folder / FILE).unlink()
        deployed.scenario["endpoint"].pop("batch")
        assert scoring_resuming.prepare_again(deployed.story(), begun) is None
        with pytest.raises(JobFailedError, match="never came"):
            scoring_resuming.settle(deployed.story(), begun)


class TestFindings:
    def test_whatever_is_not_taken_as_written_is_named(self, deployed: World) -> None:
        found = told(deployed)
        words = {field: f"{kind}: {detail}" for field, (kind, detail) in found.items()}
        assert {field: word for field, word in words.items() if not field.startswith("environment")} == {
            "endpoint_name": "substituted: delay-batch: the scoring is a job; no endpoint is made.",
            "name": "substituted: delay-dpl: scenario, model and data name the scoring; no deployment is made.",
            "model": "substituted: inline: version 1 of delay scores, from the scenario's registry.",
            "compute": "substituted: azureml:cpu-cluster: placement chose this target instead.",
            "resources.instance_count": "substituted: 2: one instance scores all files.",
            "description": "note: It is for those who read the file; nothing here shows it.",
            "tags": "note: It is for those who read the file; nothing here shows it.",
            "properties": "note: It has no meaning for a scoring that is a job.",
        }
        assert found["environment"][0] is FindingKind.SUBSTITUTED

    def test_a_threshold_of_the_order_is_named_where_it_is_another(self, deployed: World) -> None:
        assert "error_threshold" not in told(deployed, replace(ORDER, error_threshold=4))
        found = told(deployed, replace(ORDER, error_threshold=0))
        assert found["error_threshold"] == (FindingKind.SUBSTITUTED, "4: --error-threshold says 0.")

    def test_settings_of_a_script_are_named_where_there_is_none(self, served: World) -> None:
        deploy(served, WITHOUT_CODE)
        idle = {field for field, (_, detail) in told(served).items() if "without code_configuration" in detail}
        assert idle == {
            *("mini_batch_size", "retry_settings", "max_concurrency_per_instance", "output_file_name", "logging_level")
        }

    def test_step_and_ledger_tell_them(self, deployed: World) -> None:
        assert "; compute substituted: azureml:cpu-cluster: placement chose" in prepared(deployed).summary
        scored(deployed.story())
        said = deployed.entries(Kind.SCORING)[0].payload["findings"]
        assert isinstance(said, list)
        assert "resources.instance_count: 2: one instance scores all files." in said

    def test_every_key_of_the_file_is_honoured_named_or_refused(self) -> None:
        """A field that somebody adds to the value must be decided upon."""
        honoured = {"environment", "code", "scoring_script", "instance_type", "settings", "said"}
        named = {"name", "endpoint", "model", "compute", "instance_count", "description", "tags", "options"}
        assert set(BatchDeployment.__dataclass_fields__) == honoured | named


def test_the_local_driver_runs_the_script_over_the_files(served: World) -> None:
    script = """
import os, pathlib
def init():
    global weights
    weights = pathlib.Path(os.environ["AZUREML_MODEL_DIR"], "delay-model", "model.txt").read_text()
def run(mini_batch):
    return [f"{os.path.basename(path)} {len(mini_batch)} {weights} {os.environ['DEBUG']}" for path in mini_batch]
"""
    for number in (2, 3):
        served.data("delay,distance\n9,9\n", f"2013-0{number}.csv")
    deploy(served, script=script, mini_batch_size=2, max_concurrency_per_instance=1)
    served.inventory["targets"]["cloud-cpu"] |= {"driver": "local", "options": {}}
    found = scored(served.story(), replace(ORDER, target="cloud-cpu"))
    assert (found.counts.files, found.counts.failed_files, found.counts.rows) == (3, 0, 3)
    lines = Path(found.output, "delays.csv").read_text().splitlines()
    assert lines == ["2013-01.csv 2 weights 1", "2013-02.csv 2 weights 1", "2013-03.csv 1 weights 1"]
