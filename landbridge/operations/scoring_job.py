"""The command job that a scoring is: the scenario's own, with another command, and what a batch deployment says of it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from landbridge.domain.azure.batch import BatchDeployment
from landbridge.domain.errors import InputError
from landbridge.domain.job import NOT_CODE, CommandJob, JobInput, JobOutput, JobResources
from landbridge.domain.requests import Snapshot
from landbridge.domain.values import Json
from landbridge.files.job import resources_of
from landbridge.files.job_keys import ResourcesKeys
from landbridge.operations.scoring_batch import JOB_KEYS, model_folder
from landbridge.operations.story import Story
from landbridge.runner import batch_scoring, mini_batches

CODE = str(Path(batch_scoring.__file__).parent)
MODEL, DATA, PREDICTIONS = "model", "data", "predictions"
BESIDE = "landbridge_mini_batches"  # the folder beside the user's code: the runner and its settings
SETTINGS = "settings.json"
PATHS = f"--model ${{{{inputs.{MODEL}}}}} --data ${{{{inputs.{DATA}}}}} --out ${{{{outputs.{PREDICTIONS}}}}}"


def scored_by(story: Story, snapshot: Snapshot, deployment: BatchDeployment | None, error_threshold: int) -> Story:
    """The story with the scoring's job: the scenario's environment, variables, limits and instance type are kept,
    unless the deployment says others.
    """
    job = _job(story.job, snapshot, f"python score_files.py {PATHS} --error-threshold {error_threshold}")
    if deployment is None:
        return replace(story, job=job)
    if deployment.scoring_script:
        command = f"python {BESIDE}/score_mini_batches.py --settings {BESIDE}/{SETTINGS} {PATHS}"
        job = replace(job, command=command, code=deployment.code)
    job = replace(
        job,
        environment=deployment.environment or job.environment,
        environment_variables={**job.environment_variables, **deployment.settings.environment_variables},
        resources=_resources(job.resources, deployment),
    )
    requires = story.scenario.requires
    if deployment.instance_type:
        requires = replace(requires, instance_type=deployment.instance_type)
    return replace(story, job=job, scenario=replace(story.scenario, requires=requires))


@contextmanager
def whole_code(story: Story, deployment: BatchDeployment | None, error_threshold: int) -> Iterator[Story]:
    """The story with the code as the target gets it: beside a script of the user's own, what calls it, and its settings.

    The same script and settings are the same files. They are there only within the block: a target copies them on submit.

    Raises:
        InputError: the user's code has a folder of that name.
    """
    if deployment is None or not deployment.scoring_script:
        yield story
        return
    with tempfile.TemporaryDirectory(prefix="landbridge-score-") as scratch:
        whole = Path(scratch) / "code"
        shutil.copytree(deployment.code, whole, ignore=shutil.ignore_patterns(*NOT_CODE))
        beside = whole / BESIDE
        if beside.exists():
            raise InputError(f"{deployment.code} has {BESIDE}, which is put beside the script.", "Rename it.")
        beside.mkdir()
        runner = Path(mini_batches.__file__).with_name("score_mini_batches.py")
        (beside / runner.name).write_bytes(runner.read_bytes())
        settings = _settings(deployment, model_folder(story, deployment), error_threshold)
        (beside / SETTINGS).write_text(json.dumps(settings, indent=2), encoding="utf-8")
        yield replace(story, job=replace(story.job, code=str(whole)))


def _job(job: CommandJob, snapshot: Snapshot, command: str) -> CommandJob:
    name = snapshot.path.rsplit("/", 1)[-1]
    single = [file.path for file in snapshot.files] == [name]  # no folder holds its own name
    return replace(
        job,
        command=command,
        code=CODE,
        inputs={MODEL: JobInput(MODEL, "uri_folder"), DATA: JobInput(DATA, "uri_file" if single else "uri_folder")},
        outputs={PREDICTIONS: JobOutput(PREDICTIONS)},
        resources=replace(job.resources, instance_count=1, max_instance_count=None),
        distribution={},
        services={},
    )


def _resources(own: JobResources, deployment: BatchDeployment) -> JobResources:
    """What the deployment says, else what the scenario's job does."""
    said = resources_of(ResourcesKeys.model_validate(deployment.options.get("resources") or {}))
    given = {"instance_type": deployment.instance_type, **{name: getattr(said, name) for name in JOB_KEYS}}
    return replace(own, **{name: value for name, value in given.items() if value})


def _settings(deployment: BatchDeployment, folder: str, error_threshold: int) -> dict[str, Json]:
    settings = deployment.settings
    return {
        "scoring_script": deployment.scoring_script,
        "model_name": folder,
        "error_threshold": error_threshold,
        "mini_batch_size": settings.mini_batch_size,
        "max_concurrency_per_instance": settings.max_concurrency_per_instance,
        "max_retries": settings.max_retries,
        "timeout": settings.retry_timeout,
        "logging_level": settings.logging_level,
        "output_action": settings.output_action,
        "output_file_name": settings.output_file_name,
    }
