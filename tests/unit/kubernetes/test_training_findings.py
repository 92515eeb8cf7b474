"""No field of a command job is dropped in silence."""

from dataclasses import replace
from typing import Any

import pytest

from landbridge.domain.inventory import InstanceType, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput, JobResources
from landbridge.domain.plan import FindingKind
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.training_findings import findings

TARGET = Target(
    "arc",
    "onprem",
    "kubernetes",
    frozenset({Role.TRAIN}),
    "arc",
    instance_types=(InstanceType("cpu", Resources(1), Resources(1)),),
)
OPTIONS = KubernetesOptions("ml", artifacts="s3://a/b")
JOB = CommandJob("job.yaml", "true", "", JobEnvironment("azureml:x:1"))


def test_a_plain_job_has_no_findings() -> None:
    inputs = {"data": JobInput("data", "uri_folder"), "copy": JobInput("copy", "uri_folder", mode="download")}
    outputs = {"model": JobOutput("model"), "report": JobOutput("report", mode="upload")}
    plain = replace(JOB, inputs=inputs, outputs=outputs)
    assert findings(plain, TARGET, OPTIONS) == ()


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("code", {"code": "git+https://example.test/x"}),
    ("distribution", {"distribution": {"type": "mpi", "process_count_per_instance": 2}}),
    ("distribution", {"distribution": {"type": "ray"}}),
    ("distribution", {"distribution": {"type": "tensorflow", "worker_count": 4}, "resources": JobResources(2)}),
    ("resources.instance_type", {"resources": JobResources(instance_type="gpu")}),
    ("resources.docker_args", {"resources": JobResources(docker_args=("--gpus=all",))}),
    ("resources.shm_size", {"resources": JobResources(shm_size="two")}),
    ("resources.properties.AISuperComputer", {"resources": JobResources(properties={"AISuperComputer": {}})}),
    ("services.jupyter", {"services": {"jupyter": {"type": "jupyter_lab"}}}),
    ("inputs.a.mode", {"inputs": {"a": JobInput("a", "uri_folder", mode="rw_mount")}}),
    ("inputs.a.path_on_compute", {"inputs": {"a": JobInput("a", "uri_folder", options={"path_on_compute": "/x"})}}),
    ("outputs.a.path", {"outputs": {"a": JobOutput("a", path="azureml://datastores/x")}}),
    ("outputs.a.mode", {"outputs": {"a": JobOutput("a", mode="eval_mount")}}),
    ("outputs", {"outputs": {str(number): JobOutput(str(number)) for number in range(25)}}),
]


@pytest.mark.parametrize(("field", "changes"), REFUSED, ids=[item[0] for item in REFUSED])
def test_refused_with_a_reason_and_a_remedy(field: str, changes: dict[str, Any]) -> None:
    found = {item.field: item for item in findings(replace(JOB, **changes), TARGET, OPTIONS)}
    assert found[field].kind is FindingKind.REFUSED
    assert found[field].detail
    assert found[field].hint


OTHER: list[tuple[str, FindingKind, dict[str, Any]]] = [
    ("distribution", FindingKind.SUBSTITUTED, {"distribution": {"type": "mpi", "process_count_per_instance": 1}}),
    ("distribution", FindingKind.SUBSTITUTED, {"distribution": {"type": "tensorflow"}}),
    ("name", FindingKind.SUBSTITUTED, {"name": "mine"}),
    ("description", FindingKind.NOTE, {"description": "what it is"}),
    ("outputs.a.mode", FindingKind.SUBSTITUTED, {"outputs": {"a": JobOutput("a", mode="rw_mount")}}),
    ("outputs.a.mode", FindingKind.SUBSTITUTED, {"outputs": {"a": JobOutput("a", mode="direct")}}),
    ("resources.instance_count", FindingKind.NOTE, {"resources": JobResources(3)}),
    ("resources.max_instance_count", FindingKind.NOTE, {"resources": JobResources(max_instance_count=4)}),
    ("resources.locations", FindingKind.SUBSTITUTED, {"resources": JobResources(locations=("westeurope",))}),
    ("identity", FindingKind.SUBSTITUTED, {"identity": {"type": "managed_identity"}}),
    ("queue_settings", FindingKind.SUBSTITUTED, {"queue_settings": {"job_tier": "spot"}}),
    ("compute", FindingKind.SUBSTITUTED, {"compute": "azureml:cpu"}),
    ("parent_job_name", FindingKind.NOTE, {"extra": {"parent_job_name": "x"}}),
    ("inputs.a.mode", FindingKind.SUBSTITUTED, {"inputs": {"a": JobInput("a", "uri_folder", mode="ro_mount")}}),
    ("inputs.a.mode", FindingKind.SUBSTITUTED, {"inputs": {"a": JobInput("a", "uri_folder", mode="direct")}}),
]


@pytest.mark.parametrize(("field", "kind", "changes"), OTHER, ids=[item[0] for item in OTHER])
def test_replaced_or_without_effect(field: str, kind: FindingKind, changes: dict[str, Any]) -> None:
    found = {item.field: item for item in findings(replace(JOB, **changes), TARGET, OPTIONS)}
    assert found[field].kind is kind


def test_pytorch_tensorflow_and_shared_memory_are_honoured() -> None:
    for distribution in ({"type": "pytorch", "process_count_per_instance": 4}, {"type": "tensorflow"}):
        job = replace(JOB, distribution=distribution, resources=JobResources(2, shm_size="8g"))
        assert findings(job, TARGET, OPTIONS) == ()


def test_a_target_without_a_store_is_refused_in_the_plan() -> None:
    (found,) = findings(JOB, TARGET, KubernetesOptions("ml"))
    assert (found.field, found.kind) == ("target", FindingKind.REFUSED)
    assert "artifacts" in found.hint
