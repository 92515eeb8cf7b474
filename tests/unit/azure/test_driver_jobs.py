"""What a job of Azure ML is to landbridge: its body, its status, whose fault a failure is, and what is said in the plan."""

import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from landbridge.domain.expressions import without_unset_parts
from landbridge.domain.inventory import Datastore, EnvironmentEntry, InstanceType, Inventory, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput, JobResources
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import Avoid, JobPhase, Json, Resources
from landbridge.drivers.azureml.computes import Compute, compute_of, working_nodes
from landbridge.drivers.azureml.job_body import Parts, asked_tag, job_body, read_asked
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind
from landbridge.drivers.azureml.training_findings import findings
from landbridge.drivers.azureml.training_outputs import output_spots
from landbridge.drivers.azureml.training_state import explain, limit_seconds, reading, unix_time

TARGET = Target("aml", "cloud", "azureml", frozenset({Role.TRAIN}), "aml")
STORES = {"plant": Datastore("plant", "onprem", "/plant")}
INVENTORY = Inventory("test", "inventory.yaml", "/nowhere", {}, {"aml": TARGET}, STORES)
JOB = CommandJob("job.yaml", "true", "", JobEnvironment("azureml:any:1"))
STARTED, ENDED = "2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:15.1234567Z"


def options(**more: str) -> AzureOptions:
    return AzureOptions("s", "g", "w", **more)


def body(said: CommandJob = JOB, **changes: Any) -> dict[str, Any]:
    job = TrainingJob("name", said, "", {}, ResolvedEnvironment("any"), {}, 0.0)
    made: Any = job_body(replace(job, **changes), Parts("environment"), "aml")
    return dict(made["properties"])


def job(status: str, **properties: Json) -> dict[str, Any]:
    return {"name": "job", "properties": {"status": status, **properties}}


@pytest.mark.parametrize(
    ("said", "exit_code", "reason", "avoid"),
    [
        (("UserError", "User process 'sh' exited with status code 3. Error: bad luck"), 3, "Exit", Avoid.EVERYTHING),
        (("UserError", "exited with status code 1. InternalServerError NodeLost quota"), 1, "Exit", Avoid.EVERYTHING),
        (("UserError", "Execution failed with exit code: 137. Killed: OOM"), 137, "OutOfMemory", Avoid.EVERYTHING),
        (("UserError", "exited with code 1\nOSError: No space left on device"), 1, "DiskFull", Avoid.INSTANCE_TYPE),
        (("E45004", "Training feature is not enabled, please enable it."), None, "E45004", Avoid.TARGET),
        (("NamespaceNotFound", "The namespace x is not found."), None, "NamespaceNotFound", Avoid.TARGET),
        (("", 'PodPattern matched: training-identity-sidecar "code":137'), None, "job-137", Avoid.TARGET),
        (("PodUnschedulable", "no node"), None, "PodUnschedulable", Avoid.INSTANCE_TYPE),
        (("ClusterCoreQuotaReached", "no cores"), None, "QuotaExceeded", Avoid.TARGET),
        (("ServiceError", "The node was preempted."), None, "Evicted", Avoid.NOTHING),
        (("ServiceError", "Something broke."), None, "ServiceError", Avoid.NOTHING),
        (("UserError", "Unable to mount s3://x"), None, "UserError", Avoid.EVERYTHING),
        (("", ""), None, "Failed", Avoid.EVERYTHING),
    ],
)
def test_a_failure_is_somebodys_fault(said: tuple[str, str], exit_code: int | None, reason: str, avoid: Avoid) -> None:
    found = explain(*said)
    assert (found[0], found[1], found[3]) == (exit_code, reason, avoid)
    assert found[2].strip()


def test_no_signature_gets_into_a_detail() -> None:
    assert "HUNTER2" not in explain("UserError", "cannot read https://a/b?se=1&sig=HUNTER2&x=1")[2]
    assert "HUNTER2" not in explain("UserError", "exited with code 1: https://a/b?se=1&sig=HUNTER2")[2]


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        *((status, JobPhase.PENDING) for status in ("NotStarted", "Queued", "Starting", "Provisioning", "Preparing")),
        *((status, JobPhase.RUNNING) for status in ("Running", "Finalizing", "CancelRequested", "NotResponding")),
        *((status, JobPhase.FAILED) for status in ("Failed", "Canceled")),
        ("Completed", JobPhase.SUCCEEDED),
    ],
)
def test_every_status_is_a_phase(status: str, phase: JobPhase) -> None:
    read = reading(job(status), None)
    assert read.phase is phase
    assert read.reason != "NotStarted"  # by which whoever waits would take it for a job that nobody starts


@pytest.mark.parametrize(("limit", "reason"), [("PT10S", "Timeout"), ("PT11S", "Cancelled"), ("", "Cancelled")])
def test_a_job_that_ran_to_its_limit_timed_out(limit: str, reason: str) -> None:
    run = {"startTimeUtc": STARTED, "endTimeUtc": ENDED}
    assert reading(job("Canceled", limits={"timeout": limit}), run).reason == reason


def test_times_and_durations_are_read_as_azure_writes_them() -> None:
    assert (unix_time(ENDED) or 0) - (unix_time(STARTED) or 0) == pytest.approx(10)
    assert unix_time("") is None
    assert limit_seconds(job("Running", limits={"timeout": "P1DT1H2M3.5S"})) == pytest.approx(90123.5)
    assert limit_seconds(job("Running")) == 0


def test_what_the_compute_complains_of_is_told_of_a_waiting_job() -> None:
    assert reading(job("Queued"), None, "No cores are left.").detail == "No cores are left."


def test_outputs_lie_where_azure_says_or_where_it_puts_them() -> None:
    outputs: Json = {
        "default": {"uri": "azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.job"},
        "model": {"jobOutputType": "uri_folder"},
        "file": {"jobOutputType": "uri_file"},
        "own": {"uri": "azureml://subscriptions/s/resourcegroups/g/workspaces/w/datastores/d/paths/out/x"},
        "kept": {"uri": "azureml://datastores/${{default_datastore}}/paths/${{name}}/${{ output_name }}.txt"},
    }
    found = output_spots(job("Completed", outputs=outputs))
    assert {name: (spot.store, spot.path) for name, spot in found.items()} == {
        "model": ("workspaceblobstore", "azureml/job/model/"),
        "file": ("workspaceblobstore", "azureml/job/file"),
        "own": ("d", "out/x"),
        "kept": ("workspaceblobstore", "job/kept.txt"),
    }


@pytest.mark.parametrize(("seconds", "sent"), [(0.3, "PT1S"), (90, "PT90S"), (90.2, "PT91S")])
def test_a_limit_is_in_whole_seconds(seconds: float, sent: str) -> None:
    assert body(timeout_seconds=seconds)["limits"]["timeout"] == sent
    assert "limits" not in body()


def test_what_is_not_said_is_not_sent() -> None:
    assert {"codeId", "computeId", "distribution", "identity", "queueSettings", "services", "description"} & set(
        body()
    ) == set()


def test_what_a_job_asked_for_is_read_from_its_tag() -> None:
    asked = Resources(500, 1 << 30, 2)
    assert read_asked(asked_tag(asked)) == asked
    assert read_asked("odd") == Resources()


@pytest.mark.parametrize(
    ("inputs", "left"),
    [
        ({"a"}, "go  --a ${{inputs.a}}  [[ -f x ]]"),
        (set(), "go   [[ -f x ]]"),
        ({"b"}, "go   --b ${{inputs.b}} [[ -f x ]]"),
    ],
)
def test_optional_parts_are_decided_and_expressions_stay(inputs: set[str], left: str) -> None:
    line = "go $[[ --a ${{inputs.a}} ]]$[[ --b ${{inputs.b}}]] [[ -f x ]]"
    assert without_unset_parts(line, inputs).split() == left.split()


KUBERNETES, AML, ASK = (
    options(compute="c", kind="kubernetes"),
    options(compute="c", kind="amlcompute"),
    options(compute="c"),
)
NOTE, SUBSTITUTED, REFUSED = FindingKind.NOTE, FindingKind.SUBSTITUTED, FindingKind.REFUSED
LOADED = replace(JOB, inputs={"d": JobInput("d", "uri_folder", mode="download")})


@pytest.mark.parametrize(
    ("said", "given", "field", "kind"),
    [
        (LOADED, KUBERNETES, "inputs.d.mode", SUBSTITUTED),
        (LOADED, ASK, "inputs.d.mode", NOTE),
        (replace(JOB, inputs={"d": JobInput("d", "uri_folder", mode="rw_mount")}), AML, "inputs.d.mode", REFUSED),
        (replace(JOB, resources=JobResources(instance_type="x")), AML, "resources.instance_type", SUBSTITUTED),
        (replace(JOB, resources=JobResources(docker_args=("x",))), KUBERNETES, "resources.docker_args", REFUSED),
        (replace(JOB, resources=JobResources(locations=("x",))), AML, "resources.locations", SUBSTITUTED),
        (replace(JOB, queue_settings={"job_tier": "spot"}), AML, "queue_settings", NOTE),
        (replace(JOB, distribution={"type": "ray"}), AML, "distribution.type", NOTE),
        (replace(JOB, outputs={"m": JobOutput("m", path="/tmp/x")}), AML, "outputs.m.path", REFUSED),
        (replace(JOB, outputs={"m": JobOutput("m", path="azureml://datastores/plant/paths/x")}), AML, "outputs.m.path", REFUSED),
        (replace(JOB, environment=JobEnvironment(build={"path": "x", "args": {"a": 1}})), AML, "environment.build.args", REFUSED),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_named(said: CommandJob, given: AzureOptions, field: str, kind: FindingKind) -> None:
    found = findings(said, TARGET, INVENTORY, given)
    assert [(item.field, item.kind) for item in found] == [(field, kind)]
    assert kind is not REFUSED or found[0].hint


@pytest.mark.parametrize(
    "said", [JOB, replace(JOB, resources=JobResources(2, "x", "2g", locations=("x",), properties={"a": 1}))]
)
def test_a_job_for_serverless_is_honoured_whole(said: CommandJob) -> None:
    assert findings(said, TARGET, INVENTORY, options()) == ()


def test_download_is_honoured_by_machines_of_azure() -> None:
    assert findings(LOADED, TARGET, INVENTORY, AML) == ()


def test_an_instance_type_that_the_inventory_lacks_is_refused() -> None:
    target = replace(TARGET, instance_types=(InstanceType("small", Resources(), Resources()),))
    [found] = findings(replace(JOB, resources=JobResources(instance_type="huge")), target, INVENTORY, KUBERNETES)
    assert (found.field, found.kind) == ("resources.instance_type", REFUSED)


def test_a_python_of_this_machine_is_refused_and_an_image_is_not() -> None:
    for entry, kinds in ((EnvironmentEntry("*", python="current"), [REFUSED]), (EnvironmentEntry("*", image="x"), [])):
        inventory = replace(INVENTORY, environments=(entry,))
        found = findings(replace(JOB, environment=JobEnvironment(build={"args": {"a": 1}})), TARGET, inventory, AML)
        assert [item.kind for item in found] == kinds


def test_judging_a_job_imports_nothing_of_azure() -> None:
    """A plan in which nothing must be asked pays for no library of Azure."""
    script = (
        "import pickle, sys; from landbridge import drivers\n"
        "target, inventory, job = pickle.loads(sys.stdin.buffer.read())\n"
        "drivers.training_target(target, inventory).findings(job)\n"
        "print({name for name in sys.modules if name.partition('.')[0] in ('azure', 'requests', 'msal')})"
    )
    named = {"subscription_id": "00000000-0000-0000-0000-000000000000", "resource_group": "g", "workspace": "ws"}
    given = pickle.dumps((replace(TARGET, options=named), INVENTORY, LOADED))
    answer = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "set()"


def test_computes_that_run_no_jobs_are_none() -> None:
    assert compute_of({"id": "x", "properties": {"computeType": "Databricks"}}) is None
    found = compute_of({"id": "x", "properties": {"computeType": "AKS"}})
    assert found is None


def test_what_a_compute_says_is_read() -> None:
    counts = {"runningNodeCount": 2, "preparingNodeCount": 1, "idleNodeCount": 5}
    errors = [{"error": {"code": "Quota", "message": "No cores."}}]
    said = {"provisioningState": "Succeeded", "properties": {"nodeStateCounts": counts, "errors": errors}}
    compute = Compute(ComputeKind.AML, "x", said)
    assert (working_nodes(compute), compute.problem, compute.complaint) == (3, "", "Quota: No cores")
    failed = Compute(ComputeKind.AML, "x", {"provisioningState": "Failed", "provisioningErrors": errors})
    assert failed.problem == "The compute is Failed: Quota: No cores."
