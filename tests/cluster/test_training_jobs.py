"""Training jobs on a real cluster: what reaches the pod and comes back, and what becomes of jobs that cannot run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from landbridge import drivers
from landbridge.domain.errors import RefusedError
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput, JobResources
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, JobRef, JobStatus, Json, Resources, SiteKind
from tests.cluster.clusters import Cluster, Clusters, eventually
from tests.cluster.training import IMAGE, options_of

SMALL = Resources(100, 64 << 20)


@dataclass
class Place:
    """A namespace as a target."""

    cluster: Cluster
    namespace: str
    options: dict[str, Json]
    home: Path

    def target(self, **options: Json) -> Any:
        made = Target("box", "onprem", "kubernetes", frozenset({Role.TRAIN}), "box", {**self.options, **options})
        site = Site("onprem", SiteKind.ONPREM, f"{self.home}/models", f"{self.home}/cache", 0)
        return drivers.training_target(
            made, Inventory("test", "/inventory.yaml", str(self.home), {"onprem": site}, {"box": made}, {})
        )

    def run(self, job: TrainingJob, seconds: float = 90, **options: Json) -> JobStatus:
        target = self.target(**options)
        return self.wait(target, target.submit(job), lambda status: status.phase.is_final, seconds)

    def wait(self, target: Any, ref: JobRef, done: Callable[[JobStatus], bool], seconds: float = 60) -> JobStatus:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status: JobStatus = target.observe(ref)
            if done(status):
                return status
            time.sleep(0.2)
        raise AssertionError(f"still {status}")

    def apply(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        self.cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": dict(spec)})


@pytest.fixture
def place(lab: Clusters, namespace: Callable[[Cluster], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    name = namespace(lab.onprem)
    return Place(lab.onprem, name, options_of(lab.onprem, name, monkeypatch), tmp_path / "home")


def job(command: str, inputs: Mapping[str, str] | None = None, **changes: Any) -> TrainingJob:
    given = {name: JobInput(name, "uri_folder") for name in inputs or {}}
    parts = {"outputs": {"model": JobOutput("model")}, "inputs": given, **changes.pop("parts", {})}
    made = CommandJob("job.yaml", command, "", JobEnvironment("azureml:any:1"), **parts)
    whole = TrainingJob(
        "a-job", made, "", dict(inputs or {}), ResolvedEnvironment("any", image=IMAGE), {}, 120.0, SMALL
    )
    return replace(whole, **changes)


def test_code_and_data_arrive_and_the_model_comes_back(place: Place, tmp_path: Path) -> None:
    for path, text in {"code/train.py": CODE, "data/deep/a.csv": "1,2", "data/b.csv": "", "one file.csv": "3"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    inputs = {"data": str(tmp_path / "data"), "file": str(tmp_path / "one file.csv"), "own": str(tmp_path / "data")}
    command = (
        "python3 train.py ${{inputs.data}} ${{inputs.file}} ${{outputs.model}} ${{outputs.report}} '$(HOME) $$' "
        "&& touch ${{inputs.own}}/x"
    )
    parts = {
        "inputs": {
            "data": JobInput("data", "uri_folder", mode="ro_mount"), "file": JobInput("file", "uri_file"),
            "own": JobInput("own", "uri_folder", mode="download"),
        },
        "outputs": {"model": JobOutput("model"), "report": JobOutput("report", "uri_file")},
    }  # fmt: skip
    status = place.run(job(command, inputs, code=str(tmp_path / "code"), parts=parts))
    log = list(place.target().logs(JobRef("box", "a-job"), follow=False))
    assert status.phase is JobPhase.SUCCEEDED, (status, log)
    assert log == ["data 1,2 + 3", "read-only", "$(HOME) $$", "home is mine"]
    assert Path(status.outputs["model"].removeprefix("file://"), "deep/MLmodel").read_text() == "model of 1,2"
    assert Path(status.outputs["report"].removeprefix("file://")).read_text() == "good"


def test_a_claim_with_azure_mls_label_is_mounted_where_it_says(place: Place, tmp_path: Path) -> None:
    place.cluster.own_site()  # the volume is a folder of this machine
    folder = tmp_path / "history"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (folder / "2013.csv").write_text("1,2")
    size: dict[str, Any] = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {**size, "capacity": {"storage": "1Mi"}, "hostPath": {"path": str(folder)}}
    claim = {**size, "volumeName": place.namespace, "resources": {"requests": {"storage": "1Mi"}}}
    named = {"name": "history", "namespace": place.namespace, "labels": {"ml.azure.com/pvc": "true"}}
    place.cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": place.namespace}, "spec": volume},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**named, "annotations": {"ml.azure.com/mountpath": "/mnt/history"}},
            "spec": claim,
        },
    )
    try:
        status = place.run(job("cp /mnt/history/2013.csv ${{outputs.model}}/ && touch /mnt/history/seen"))
    finally:
        place.cluster.kubectl("delete", "persistentvolume", place.namespace, "--wait=false")
    assert status.phase is JobPhase.SUCCEEDED, status
    assert Path(status.outputs["model"].removeprefix("file://"), "2013.csv").read_text() == "1,2"
    assert (folder / "seen").exists()


def test_a_namespace_that_is_not_there_is_a_refusal_of_the_target(place: Place) -> None:
    target = place.target(namespace="absent")
    assert not target.capacity().reachable  # placement passes it over
    with pytest.raises(RefusedError, match=r"namespaces .*absent.* not found"):
        target.submit(job("true"))


CODE = """
import os, pathlib, sys
data, file, model, report, literal = sys.argv[1:]
text = pathlib.Path(data, "deep/a.csv").read_text()
print("data", text, "+", pathlib.Path(file).read_text())
try:
    pathlib.Path(data, "b.csv").write_text("changed")
except OSError:
    print("read-only")
print(literal)
pathlib.Path(model, "deep").mkdir()
pathlib.Path(model, "deep/MLmodel").write_text("model of " + text)
pathlib.Path(report).write_text("good")
pathlib.Path.home().joinpath("x").write_text("x")
print("home is mine")
"""


def test_large_code_goes_through_the_store(place: Place, tmp_path: Path) -> None:
    import os

    (tmp_path / "code").mkdir()
    (tmp_path / "code/noise.bin").write_bytes(os.urandom(900_000))
    status = place.run(job("test $(stat -c %s noise.bin) = 900000", code=str(tmp_path / "code")))
    assert status.phase is JobPhase.SUCCEEDED, status
    assert "landbridge-code" not in place.cluster.kubectl("get", "configmaps", "-n", place.namespace)


def test_secrets_are_masked_and_the_log_outlives_the_pod(place: Place) -> None:
    command = "echo password is $DB_PASSWORD; cat /landbridge/urls/plan.json; sleep 60"
    target = place.target()
    ref = target.submit(job(command, environment_variables={"DB_PASSWORD": "hunter2-very-secret"}, timeout_seconds=8))
    status = place.wait(target, ref, lambda status: status.phase.is_final)
    assert status.reason == "Timeout"
    assert not place.cluster.get("pods", "-n", place.namespace)["items"]
    log = "\n".join(target.logs(ref, follow=False))
    assert "password is ***" in log
    assert "hunter2" not in log
    assert "Signature=" not in log


def test_a_follower_sees_each_line_once_and_as_it_comes(place: Place) -> None:
    target = place.target()
    ref = target.submit(job("for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done"))
    came = [(time.monotonic(), line) for line in target.logs(ref, follow=True)]
    assert [line for _, line in came] == [f"line {number}" for number in range(1, 7)]
    assert came[-1][0] - came[0][0] > 1.5


def test_what_belongs_to_a_job_goes_with_it(place: Place, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/x").write_text("x")
    assert place.run(job("true", code=str(tmp_path / "code"))).phase is JobPhase.SUCCEEDED
    place.cluster.kubectl("delete", "job", "a-job", "-n", place.namespace)
    deadline = time.monotonic() + 30
    while (
        "a-job" in (left := place.cluster.kubectl("get", "secrets,pods", "-n", place.namespace))
        and time.monotonic() < deadline
    ):
        time.sleep(0.5)
    assert "a-job" not in left
    left = place.cluster.kubectl("get", "configmaps", "-n", place.namespace)
    assert "landbridge-code" not in left


def test_pytorch_ranks_meet_by_name(place: Place) -> None:
    """Rank 0 listens where every rank looks for it; the names are those of the headless Service."""
    parts = {
        "distribution": {"type": "pytorch", "process_count_per_instance": 2},
        "resources": JobResources(instance_count=2),
    }
    code = (
        "import os, socket, time\n"
        "rank, port = int(os.environ['RANK']), int(os.environ['MASTER_PORT'])\n"
        "if rank == 0:\n"
        "    server = socket.create_server(('', port))\n"
        "    print('met', sorted(server.accept()[0].recv(9).decode() for _ in range(3)))\n"
        "else:\n"
        "    for _ in range(100):\n"
        "        try: socket.create_connection((os.environ['MASTER_ADDR'], port), 5).send(str(rank).encode()); break\n"
        "        except OSError: time.sleep(0.2)\n"
    )
    status = place.run(job(f'python3 -c "{code}"', parts=parts))
    log = list(place.target().logs(JobRef("box", "a-job"), follow=False))
    assert status.phase is JobPhase.SUCCEEDED, (status, log)
    assert log == ["[0] met ['1', '2', '3']"]


def test_memory_beyond_the_limit_is_named(place: Place) -> None:
    status = place.run(job('python3 -c "x = bytearray(600 << 20); print(len(x))"'))
    assert (status.phase, status.reason) == (JobPhase.FAILED, "OutOfMemory"), status


def test_a_pod_that_somebody_deletes_is_an_eviction(place: Place) -> None:
    target = place.target()
    ref = target.submit(job("sleep 60"))
    place.wait(target, ref, lambda status: status.phase is JobPhase.RUNNING)
    place.cluster.kubectl("delete", "pods", "-n", place.namespace, "-l", "landbridge.io/job=a-job", "--wait=false")
    status = place.wait(target, ref, lambda status: status.phase.is_final)
    assert status.reason in {"Evicted", "Lost"}, status


FAST = 12.0  # seconds until a failure that cannot heal is a failure
PATCH: dict[str, dict[str, Json]] = {
    "node_selector": {"node_selector": {"pool": "nobody-has-it"}},
    "security": {"overrides": {"spec": {"hostNetwork": True}}},
    "configuration": {
        "overrides": {"spec": {"containers": [{"name": "main", "envFrom": [{"secretRef": {"name": "none"}}]}]}}
    },
    "account": {"service_account": "nobody"},
    "priority": {"priority_class": "nobody"},
    "never": {"image_pull_policy": "Never"},
}


@pytest.mark.parametrize(
    ("changes", "options", "reason", "words"),
    [
        ({"resources": Resources(100, 1 << 20, 4)}, "", "Unschedulable", "4 GPUs are missing"),
        ({"resources": Resources(100, 1 << 45)}, "", "Unschedulable", "memory are missing"),
        ({}, "node_selector", "Unschedulable", "node affinity/selector"),
        ({}, "security", "NotStarted", "violates PodSecurity"),
        ({}, "configuration", "NotStarted", 'secret "none" not found'),
        ({}, "account", "NotStarted", "nobody"),
        ({}, "priority", "NotStarted", "nobody"),
        (
            {"environment": ResolvedEnvironment("x", image="landbridge.test/none:1")},
            "never",
            "ImagePullBackOff",
            "not present",
        ),
    ],
    ids=[
        "gpu",
        "memory",
        "selector",
        "pod-security",
        "missing-secret",
        "service-account",
        "priority-class",
        "image-never",
    ],
)
def test_what_can_never_run_fails_in_seconds(
    place: Place, changes: dict[str, Any], options: str, reason: str, words: str
) -> None:
    started = time.monotonic()
    target = place.target(**PATCH.get(options, {}))
    status = place.wait(target, target.submit(job("true", **changes)), lambda status: status.phase.is_final)
    assert (status.reason, words in status.detail) == (reason, True), status
    assert time.monotonic() - started < FAST
    eventually(
        lambda: place.cluster.get("pods", "-n", place.namespace)["items"], lambda pods: not any(map(active, pods)), 20
    )


def active(pod: dict[str, Any]) -> bool:
    return pod["status"]["phase"] not in {"Failed", "Succeeded"}


def test_an_image_that_is_not_there_is_named_after_the_second_pull(place: Place) -> None:
    started = time.monotonic()
    status = place.run(job("true", environment=ResolvedEnvironment("x", image="landbridge.test/none:1")))
    assert status.reason == "ImagePullBackOff", status
    assert "landbridge.test/none:1" in status.detail
    assert time.monotonic() - started < 40


def test_a_quota_that_is_too_small_fails_and_one_that_is_used_up_waits(place: Place) -> None:
    place.apply("ResourceQuota", "team", {"hard": {"requests.cpu": "150m"}})
    target = place.target()
    large = target.submit(job("true", name="large", resources=Resources(200, 1 << 20)))
    assert place.wait(target, large, lambda status: status.phase.is_final).reason == "QuotaExceeded"
    first = target.submit(job("sleep 60", name="first", resources=Resources(100, 1 << 20)))
    place.wait(target, first, lambda status: status.phase is JobPhase.RUNNING)
    assert max(node.free.cpu_millicores for node in target.capacity().nodes) == 50
    second = target.submit(job("true", name="second", resources=Resources(100, 1 << 20)))
    waiting = place.wait(target, second, lambda status: status.reason == "QuotaExceeded")
    assert waiting.phase is JobPhase.PENDING
    target.cancel(first)
    assert place.wait(target, second, lambda status: status.phase.is_final, 90).phase is JobPhase.SUCCEEDED


def test_a_limit_range_is_named(place: Place) -> None:
    place.apply("LimitRange", "team", {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]})
    status = place.run(job("true"))
    assert status.reason == "QuotaExceeded"
    assert "maximum memory usage per Container is 100Mi" in status.detail


def test_a_node_in_maintenance_takes_nothing_new(place: Place) -> None:
    annotate = ("annotate", "node", "--all", "--overwrite")
    try:
        place.cluster.kubectl(*annotate, "landbridge.io/maintenance=disks")
        assert all(node.cordoned for node in place.target().capacity().nodes)
    finally:
        place.cluster.kubectl(*annotate, "landbridge.io/maintenance-")
    assert not all(node.cordoned for node in place.target().capacity().nodes)
