"""Every kind of command job that is published loads, and Azure ML's own client reads the same out of it."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.job import CommandJob
from landbridge.files.job import load_job

FOLDER = Path(__file__).parent / "jobs"
FILES = sorted(FOLDER.glob("*.yml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shape_of_a_published_job_loads(path: Path) -> None:
    job = load_job(path)
    assert job.command
    assert job.path == str(path)


def test_names_tags_and_variables_are_kept() -> None:
    job = load_job(FOLDER / "organised.yml")
    assert (job.name, job.display_name, job.experiment_name) == ("harbour_forecast_7", "harbour forecast", "harbour")
    assert job.description.startswith("# Harbour forecast\n")
    assert job.tags == {"team": "logistics", "reviewed": ""}
    assert job.properties == {"source": "survey"}
    assert job.environment_variables == {"GREETING": "good morning", "WORKERS": "4", "VERBOSE": "True"}
    assert job.compute == "azureml:cpu-cluster"
    assert job.schema.endswith("commandJob.schema.json")


def test_bare_literals_have_the_type_that_they_look_like() -> None:
    job = load_job(FOLDER / "literals.yml")
    assert {name: (item.type, item.value) for name, item in job.inputs.items()} == {
        "word": ("string", "two words"),
        "flag": ("boolean", True),
        "epochs": ("integer", 10),
        "rate": ("number", 0.25),
        "asset": ("string", "azureml:survey:2"),
    }
    assert job.code == str(FOLDER / "src")


def test_data_comes_from_everywhere_and_words_are_lowered() -> None:
    inputs = load_job(FOLDER / "local_and_remote_data.yml").inputs
    assert inputs["here"].path == str(FOLDER / "data" / "rows.csv")
    assert inputs["here"].mode == "download"
    assert inputs["blob"].type == "uri_folder"
    assert (inputs["lake"].type, inputs["lake"].mode) == ("uri_folder", "direct")
    assert inputs["asset"].path == "azureml:survey@latest"
    assert inputs["web"].path == "https://example.org/rows.csv"


def test_outputs_keep_every_setting() -> None:
    outputs = load_job(FOLDER / "outputs.yml").outputs
    assert (outputs["plain"].type, outputs["plain"].mode) == ("uri_folder", "")
    assert outputs["kept"].path == "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{output_name}}.txt"
    assert outputs["kept"].options == {"name": "harbour_kept", "version": "2"}
    assert outputs["table"].mode == "rw_mount"


def test_resources_and_limits_are_kept() -> None:
    job = load_job(FOLDER / "pytorch.yml")
    assert job.resources.instance_count == 2
    assert job.resources.max_instance_count == 4
    assert job.resources.instance_type == "Standard_NC6s_v3"
    assert job.resources.shm_size == "16g"
    assert job.resources.docker_args == ("--ipc=host",)
    assert job.timeout_seconds == 3600
    assert job.distribution == {"type": "pytorch", "process_count_per_instance": 2}


def test_an_environment_may_stand_in_its_own_file() -> None:
    job = load_job(FOLDER / "mpi.yml")
    assert job.environment.image.startswith("mcr.microsoft.com/")
    assert job.environment.conda["name"] == "training"
    assert job.environment.options == {"name": "diagnosis", "version": "3"}
    assert job.resources.docker_args == ("--cap-add", "SYS_PTRACE")


def test_a_conda_file_is_read_and_an_inline_one_kept() -> None:
    assert load_job(FOLDER / "conda.yml").environment.conda["channels"] == ["conda-forge"]
    assert load_job(FOLDER / "conda.yml").environment.options == {"os_type": "linux"}
    inline = load_job(FOLDER / "conda_inline.yml").environment
    assert inline.conda["dependencies"] == ["python=3.11"]
    assert inline.options["inference_config"] == {
        "liveness_route": {"port": 5001, "path": "/live"},
        "readiness_route": {"port": 5001, "path": "/ready"},
        "scoring_route": {"port": 5001, "path": "/score"},
    }


def test_a_build_folder_is_absolute_and_named_by_its_content() -> None:
    environment = load_job(FOLDER / "docker_build.yml").environment
    assert environment.build == {"path": str(FOLDER / "docker")}
    assert environment.build_digest.startswith("sha256:")


def test_services_identity_and_queue_are_kept() -> None:
    services = load_job(FOLDER / "interactive.yml").services
    assert services["board"] == {"type": "tensor_board", "log_dir": "outputs/logs"}
    assert services["web"] == {"type": "custom", "port": 8080, "properties": {"public": False}}
    job = load_job(FOLDER / "serverless.yml")
    assert job.identity["type"] == "managed_identity"
    assert job.queue_settings == {"job_tier": "spot", "priority": "high"}
    assert job.resources.locations == ("westeurope", "northeurope")
    assert job.resources.properties == {"Supercomputer": {"interactive": False}}
    assert job.code.startswith("git+https://")


@pytest.fixture(scope="module")
def azure_load() -> Iterator[Any]:
    azure = pytest.importorskip("azure.ai.ml", reason="the extra `azure` is not installed")
    logging.disable(logging.WARNING)  # the client warns of experimental keys
    yield azure.load_job
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_azure_reads_the_same_out_of_it(path: Path, azure_load: Any) -> None:
    assert _ours(load_job(path)) == _theirs(azure_load(path))


def _ours(job: CommandJob) -> dict[str, Any]:
    literals = {name: str(item.value) for name, item in job.inputs.items() if not item.is_data}
    data = {name: (item.type, item.mode) for name, item in job.inputs.items() if item.is_data}
    return {
        "command": job.command,
        "inputs": literals | data,
        "outputs": {name: (item.type, item.mode) for name, item in job.outputs.items()},
        "instance_count": job.resources.instance_count,
        "instance_type": job.resources.instance_type,
        "docker_args": list(job.resources.docker_args),
        "max_instance_count": job.resources.max_instance_count,
        "distribution": dict(job.distribution),
        "timeout": job.timeout_seconds,
    }


def _theirs(job: Any) -> dict[str, Any]:
    resources = job.resources
    docker_args = getattr(resources, "docker_args", None) or []
    return {
        "command": job.command,
        "inputs": {name: _io(item._data) for name, item in job.inputs.items()},
        "outputs": {name: _io(item._data or {}) for name, item in job.outputs.items()},
        "instance_count": getattr(resources, "instance_count", None) or 1,
        "instance_type": getattr(resources, "instance_type", None) or "",
        "docker_args": [docker_args] if isinstance(docker_args, str) else docker_args,
        "max_instance_count": getattr(resources, "max_instance_count", None),
        "distribution": _present(vars(job.distribution)) if job.distribution else {},
        "timeout": job.limits.timeout if job.limits else 0,
    }


def _io(item: Any) -> Any:
    if not hasattr(item, "get"):
        return str(item)
    mode = item.get("mode") or ""
    return (item.get("type") or "uri_folder", "rw_mount" if mode == "mount" else mode)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
