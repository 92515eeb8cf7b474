"""The objects of a training job: golden files show them whole, and the published types of Kubernetes must know every field.

`LANDBRIDGE_GOLDEN=write` rewrites tests/golden/kubernetes; the diff is the review.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import CapabilityMissingError
from landbridge.domain.inventory import InstanceType, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput, JobResources
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.distribution import layout, rendezvous_variables
from landbridge.drivers.kubernetes.job_manifest import (
    Parts,
    code_config_map,
    job_manifest,
    kube_name,
    plan_secret,
    rendered_command,
    runner_config_map,
    service_manifest,
)
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.training_submit import pack_code

GOLDEN = Path(__file__).parents[2] / "golden" / "kubernetes"
GPU = InstanceType("gpu", Resources(4000, 16 << 30, 1), Resources(8000, 32 << 30, 1), {"accelerator": "a30"})
TARGET = Target("arc-train", "onprem", "kubernetes", frozenset({Role.TRAIN}), "leipzig", instance_types=(GPU,))
PLAIN = KubernetesOptions("ml-train", artifacts="s3://artifacts/landbridge")
FULL = replace(
    PLAIN, service_account="trainer", queue="team", priority_class="batch", tolerations=({"key": "gpu", "operator": "Exists"},),
    node_selector={"pool": "ml"}, image_pull_secrets=("registry",), image_mirror={"example.test/": "mirror.test/"},
    proxy={"http": "http://proxy:3128", "https": "http://proxy:3128"}, ca_bundle="company-ca", image_pull_policy="IfNotPresent",
    overrides={"spec": {"runtimeClassName": "gvisor"}}, ttl_seconds=3600,
)  # fmt: skip
PARTS = Parts("landbridge-runner-1", "landbridge-code-1", {"nfs": "/mnt/nfs"})
PLACES = {"data": "/landbridge/inputs/data", "rate": "0.1"}


def job(**changes: Any) -> TrainingJob:
    command = CommandJob(
        path="job.yaml",
        command="python train.py --data ${{inputs.data}} --rate ${{inputs.rate}} --out ${{outputs.model}}",
        code="/code",
        environment=JobEnvironment("azureml:train:1"),
        inputs={"data": JobInput("data", "uri_folder"), "rate": JobInput("rate", "number", 0.1)},
        outputs={"model": JobOutput("model"), "report": JobOutput("report", "uri_file")},
        **changes,
    )
    return TrainingJob(
        name="flights-3f2a-1", job=command, code="/code", inputs=PLACES,
        environment=ResolvedEnvironment("train", image="example.test/train:1"),
        environment_variables={"OMP_NUM_THREADS": "2"}, timeout_seconds=1800.5, resources=Resources(500, 1 << 30),
        labels={"landbridge.scenario": "flights", "landbridge.run-key": "3f2a"},
    )  # fmt: skip


PYTORCH = {
    "distribution": {"type": "pytorch", "process_count_per_instance": 2},
    "resources": JobResources(instance_count=2, shm_size="2g"),
}
TENSORFLOW = {
    "distribution": {"type": "tensorflow", "parameter_server_count": 1, "worker_count": 2},
    "resources": JobResources(3),
}
MANIFESTS = {
    "job": job_manifest(job(), PLACES, PARTS, TARGET, PLAIN),
    "job-without-data": job_manifest(job(), PLACES, replace(PARTS, fetches=False), TARGET, PLAIN),
    "job-every-option": job_manifest(replace(job(), instance_type="gpu"), PLACES, PARTS, TARGET, FULL),
    "job-pytorch": job_manifest(job(**PYTORCH), PLACES, PARTS, TARGET, PLAIN),
    "job-tensorflow": job_manifest(job(**TENSORFLOW), PLACES, Parts("landbridge-runner-1"), TARGET, PLAIN),
    "service": service_manifest(job(**PYTORCH), TARGET),
    "secret": plan_secret(job(), {"inputs": []}, TARGET),
    "code": code_config_map(b"a tar.gz", TARGET),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_as_reviewed(name: str) -> None:
    path = GOLDEN / f"training-{name}.json"
    text = json.dumps(MANIFESTS[name], indent=2) + "\n"
    if os.environ.get("LANDBRIDGE_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text, "Run with LANDBRIDGE_GOLDEN=write and review the diff."


@pytest.mark.parametrize("name", [*MANIFESTS, "runner"])
def test_kubernetes_knows_every_field(name: str) -> None:
    """The official client is generated from the published OpenAPI: what it does not know would be dropped on the way through."""
    from kubernetes.client import ApiClient

    manifest = runner_config_map(TARGET) if name == "runner" else MANIFESTS[name]
    kinds = {"Job": "V1Job", "Service": "V1Service", "Secret": "V1Secret", "ConfigMap": "V1ConfigMap"}
    client = ApiClient()
    read = client._ApiClient__deserialize(manifest, kinds[manifest["kind"]])
    assert without_empty(client.sanitize_for_serialization(read)) == without_empty(manifest)


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items()}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def test_no_signed_url_stands_outside_the_secret() -> None:
    assert "X-Amz" not in json.dumps([value for name, value in MANIFESTS.items() if name != "secret"])


def test_names_leave_room_for_the_index_of_a_pod() -> None:
    assert kube_name("a" * 58) == "a" * 58
    long = kube_name("a" * 63)
    assert len(long) == 58
    assert long != kube_name("a" * 62 + "b")
    assert kube_name("a-" * 30 + "abc")[35] != "-" or len(kube_name("a-" * 30 + "abc")) <= 58


def test_the_command_gets_paths_of_the_pod() -> None:
    assert (
        rendered_command(job(), PLACES)
        == "python train.py --data /landbridge/inputs/data --rate 0.1 --out /landbridge/job/outputs/model"
    )


def test_a_python_of_this_machine_is_no_image() -> None:
    local = replace(job(), environment=ResolvedEnvironment("train", python="current"))
    with pytest.raises(CapabilityMissingError, match="runs images"):
        job_manifest(local, PLACES, PARTS, TARGET, PLAIN)


def test_frameworks_meet_by_names_of_the_headless_service() -> None:
    variables = rendezvous_variables(layout(job(**PYTORCH).job), "a", "a")
    assert variables["MASTER_ADDR"] == "a-0.a"
    cluster = json.loads(rendezvous_variables(layout(job(**TENSORFLOW).job), "a", "a")["LANDBRIDGE_TF_CLUSTER"])
    assert cluster == {"worker": ["a-0.a:2222", "a-1.a:2222"], "ps": ["a-2.a:2222"]}
    assert rendezvous_variables(layout(job().job), "a", "a") == {}


def test_a_single_process_of_pytorch_is_told_that_it_is_alone() -> None:
    variables = rendezvous_variables(layout(job(distribution={"type": "pytorch"}).job), "a", "a")
    assert (variables["MASTER_ADDR"], variables["LANDBRIDGE_INSTANCES"]) == ("127.0.0.1", "1")
    assert (variables["LANDBRIDGE_DISTRIBUTION"], variables["LANDBRIDGE_PROCESSES"]) == ("pytorch", "1")


def test_the_same_code_is_the_same_package_and_what_is_no_code_stays_behind(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for path in ("b.py", "deep/a.py", "__pycache__/x.pyc", ".git/config"):
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(path)
    (tmp_path / "two/__pycache__/y.pyc").write_text("more")
    assert pack_code(str(tmp_path / "one")) == pack_code(str(tmp_path / "two"))
