"""A real job on an attached compute: what Azure says of an attachment is its word, what a job does is the fact."""

import time
import uuid

from landbridge.domain.azure.faults import find
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob, JobEnvironment
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, JobRef, JobStatus
from landbridge.drivers.azureml.client import Request, connect
from landbridge.drivers.azureml.options import read_options
from landbridge.drivers.azureml.training import AzureTraining

NAME = "probe job"
PREFIX = "landbridge-probe-"
POLL_SECONDS = 1.0
DELETES = "2023-10-01"
COMMAND = "echo landbridge was here"


def probe(target: Target, inventory: Inventory, image: str, seconds: float) -> Diagnosis:
    """Submit it, see how it ends, and delete it, and what a killed probe left. What Azure refuses is the finding."""
    training = AzureTraining(target, inventory)
    name = f"{PREFIX}{uuid.uuid4().hex[:8]}"
    file = CommandJob("probe", COMMAND, "", JobEnvironment(image=image))
    job = TrainingJob(name, file, "", {}, ResolvedEnvironment("probe", image=image), {}, seconds)
    try:
        ref = training.submit(job)
        try:
            status = _end(training, ref, seconds)
        finally:
            for left in [one for one in training.jobs() if one.name.startswith(PREFIX)]:
                _delete(training, left, target, inventory)
    except LandbridgeError as error:
        return Diagnosis(NAME, Verdict.FAIL, error.message, error.hint)
    return _finding(status, seconds)


def _end(training: AzureTraining, ref: JobRef, seconds: float) -> JobStatus:
    deadline = time.monotonic() + seconds
    while True:
        status = training.observe(ref)
        if status.phase.is_final or time.monotonic() > deadline:
            return status
        time.sleep(POLL_SECONDS)


def _delete(training: AzureTraining, ref: JobRef, target: Target, inventory: Inventory) -> None:
    training.cancel(ref)
    workspace = connect(read_options(target, inventory).place)
    doing = f"deleting job {ref.name!r}"
    workspace.finish(workspace.ask(Request("DELETE", f"jobs/{ref.name}", doing, DELETES)), doing, 60.0)


def _finding(status: JobStatus, seconds: float) -> Diagnosis:
    if status.phase is JobPhase.SUCCEEDED:
        return Diagnosis(NAME, Verdict.PASS, "a real job ran to its end, and was deleted")
    if not status.phase.is_final:
        remedy = (
            "Look for room on the cluster and at its node selectors (`landbridge ops troubleshoot`), or wait longer."
        )
        why = f"it had not ended after {seconds:g} s ({status.phase}: {status.reason or 'no reason told'}. {status.detail})"
        return Diagnosis(NAME, Verdict.FAIL, why, remedy)
    known = find(status.reason)
    remedy = known[0].fix if known else "Run `landbridge ops explain` with these words."
    return Diagnosis(NAME, Verdict.FAIL, f"it failed: {status.reason}. {status.detail}", remedy)
