"""Every shape of a published command job goes to Azure ML as its own client sends it, and is honoured or named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.job import CommandJob
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase
from landbridge.drivers.azureml.job_body import Parts, job_body
from landbridge.drivers.azureml.options import AzureOptions
from landbridge.drivers.azureml.training_findings import PREVIEWS, findings
from landbridge.drivers.azureml.training_state import limit_seconds
from landbridge.files.job import load_job
from tests.azure.azure_jobs import ground
from tests.azure.double.double import Double

FILES = sorted((Path(__file__).parents[1] / "unit" / "jobs").glob("*.yml"))
COMPARED = (
    "command",
    "description",
    "distribution",
    "environmentVariables",
    "identity",
    "inputs",
    "limits",
    "outputs",
    "properties",
    "queueSettings",
    "resources",
    "services",
)
TARGET = Target("aml", "cloud", "azureml", frozenset({Role.TRAIN}), "aml")
INVENTORY = Inventory("test", "inventory.yaml", "/nowhere", {}, {"aml": TARGET}, {})


def our_body(job: CommandJob) -> dict[str, Any]:
    literals = {name: str(one.value) for name, one in job.inputs.items() if not one.is_data and one.value is not None}
    paths = {name: one.path for name, one in job.inputs.items() if one.is_data and one.path}
    order = TrainingJob(
        "name",
        job,
        job.code,
        {**literals, **paths},
        ResolvedEnvironment(job.environment.label),
        job.environment_variables,
        float(job.timeout_seconds),
        instance_type=job.resources.instance_type,
    )
    made: Any = job_body(order, Parts("environment", data=paths), "aml")
    return dict(made["properties"])


def their_body(path: Path) -> dict[str, Any]:
    from azure.ai.ml import load_job as load

    made: Any = load(path)
    return dict(made._to_job()._to_rest_object().as_dict()["properties"])


def comparable(body: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, each field as text; without addresses of data and the experiment, and in one way of saying it.

    An experiment that the file does not name has the name of the folder there, and of the scenario here. One instance is the
    default. A job without a compute is local to the SDK; here placement has chosen one.
    """
    kept = {key: _said(value) for key, value in body.items() if key in COMPARED}
    for one in kept.get("inputs", {}).values():
        if one["jobInputType"] != "literal":
            one.pop("uri", None)
    resources = kept.get("resources") or {}
    resources = {key: value for key, value in resources.items() if (key, value) != ("instanceCount", "1")}
    if "dockerArgsList" in resources:
        resources["dockerArgs"] = " ".join(resources.pop("dockerArgsList"))
    resources.get("properties", {}).pop("IsLocal", None)
    kept["resources"] = {key: value for key, value in resources.items() if value}
    if "limits" in kept:
        kept["limits"]["timeout"] = limit_seconds({"properties": {"limits": kept["limits"]}})
    return {key: value for key, value in kept.items() if value not in ({}, "", None)}


def _said(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _said(one) for key, one in value.items() if one not in (None, "", {}, [])}
    return [_said(one) for one in value] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_job_is_sent_as_azures_own_client_sends_it(path: Path) -> None:
    ours, theirs = comparable(our_body(load_job(path))), comparable(their_body(path))
    assert ours == theirs


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_refused_of_a_published_job_says_what_to_do(path: Path) -> None:
    said = findings(load_job(path), TARGET, INVENTORY, AzureOptions("s", "g", "w"))
    refused = [item for item in said if item.kind is FindingKind.REFUSED]
    assert all(item.hint for item in refused)


RUNNABLE = ("smallest", "literals", "conda", "conda_inline", "docker_build", "outputs", "mpi", "organised")


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_published_job_with_portable_code_runs(azure: Double, tmp_path: Path, name: str) -> None:
    """Those whose code, data and machine are to be had here; the others name a GPU, a registry or an account."""
    azure.seeds.managed_compute("cpu")
    azure.seeds.environment("harbour-env", "4")
    aml = ground(azure, tmp_path / "home", compute="cpu")
    job = load_job(next(path for path in FILES if path.stem == name))
    values = {key: str(one.value) for key, one in job.inputs.items() if not one.is_data and one.value is not None}
    environment, variables = ResolvedEnvironment(job.environment.label), job.environment_variables
    order = TrainingJob("job", job, job.code, values, environment, variables, 60.0)
    status = aml.settle(aml.connect().submit(order))
    assert status.phase is JobPhase.SUCCEEDED, status
    assert set(status.outputs) == set(job.outputs)


def test_what_the_sdk_calls_experimental_is_told_as_a_preview() -> None:
    from azure.ai.ml import entities
    from azure.ai.ml.entities._job import distribution

    classes = {"queue_settings": entities.QueueSettings}
    launchers = ("MpiDistribution", "PyTorchDistribution", "TensorFlowDistribution", "RayDistribution")
    classes |= {f"distribution.type {name}": getattr(distribution, name) for name in launchers}
    classes |= {"limits": entities.CommandJobLimits, "resources": entities.JobResourceConfiguration}
    classes |= {"services": entities.JupyterLabJobService, "identity": entities.ManagedIdentityConfiguration}
    said = {name for name, one in classes.items() if "experimental class" in (one.__doc__ or "")}

    assert said == {"queue_settings", "distribution.type RayDistribution"}
    assert {name.split()[0] for name in said} == set(PREVIEWS)
