"""Training in a workspace: one training job is one command job of the same name, and that job is the record."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from landbridge.domain.capacity import Capacity
from landbridge.domain.errors import InputError, LandbridgeError, NotFoundError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob
from landbridge.domain.names import is_legal_label
from landbridge.domain.network import is_loopback
from landbridge.domain.plan import Finding
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import JobPhase, JobRef, JobStatus
from landbridge.drivers.azureml.capacity import jobs_of, measure
from landbridge.drivers.azureml.client import JOBS, Object, Request, Workspace, connect
from landbridge.drivers.azureml.computes import read_compute
from landbridge.drivers.azureml.options import ComputeKind, read_options
from landbridge.drivers.azureml.proxy import proxy_host
from landbridge.drivers.azureml.training_findings import findings
from landbridge.drivers.azureml.training_logs import lines
from landbridge.drivers.azureml.training_outputs import collect
from landbridge.drivers.azureml.training_reading import HISTORY, reader_of
from landbridge.drivers.azureml.training_state import FINAL, name_of, reading, status_of
from landbridge.drivers.azureml.training_submit import Site, submit

CANCELS = "2023-04-01-preview"
CANCEL_SECONDS = 30.0
CANCEL_POLL_SECONDS = 0.5


class AzureTraining:
    """TrainingTarget, CanStreamLogs, CanListJobs, RunsElsewhere."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._inventory = inventory
        self._options = read_options(target, inventory)
        self._jobs = Path(inventory.home).absolute() / "sites" / target.site / "jobs" / target.name

    def capacity(self) -> Capacity:
        return measure(self._workspace, self._target, self._options)

    def findings(self, job: CommandJob) -> tuple[Finding, ...]:
        return findings(job, self._target, self._inventory, self._options)

    def is_surely_elsewhere(self) -> bool:
        """As the port says: where Azure is asked through this machine's loopback, what answers may be on this machine too."""
        return not is_loopback(proxy_host(self._options.place.names.management))

    def submit(self, job: TrainingJob) -> JobRef:
        """As the port says. Raises RefusedError where the compute is at fault, not the job."""
        _check_name(job.name)
        submit(job, Site(self._target, self._inventory, self._options, self._workspace))
        return JobRef(self._target.name, job.name)

    def observe(self, ref: JobRef) -> JobStatus:
        """As the port says: one request, two once the job has begun, for all who ask for it. Outputs are fetched once."""
        _check_name(ref.name)
        workspace = self._workspace
        seen = reader_of(workspace).seen(workspace, ref.name, self._complaint)
        if seen is None:
            raise self._absent(ref)
        job = seen.job
        status = reading(job, seen.run, seen.complaint)
        if status.phase is not JobPhase.SUCCEEDED:
            return status
        outputs = collect(self._workspace, self._jobs / ref.name / "outputs", job)
        return JobStatus(
            status.phase, status.reason, status.detail, status.exit_code, status.started_at, status.ended_at, outputs
        )

    def cancel(self, ref: JobRef) -> None:
        """As the port says; blocks until the processes have ended, 30 s at most."""
        job = self._find(ref.name) if is_legal_label(ref.name) else None
        if job is None or status_of(job) in FINAL:
            return
        doing = f"cancelling job {ref.name!r} of target {self._target.name!r}"
        try:
            self._workspace.ask(Request("POST", f"jobs/{ref.name}/cancel", doing, CANCELS))
        except LandbridgeError:
            if self._is_over(ref.name):  # it ended by itself meanwhile
                return
            raise
        deadline = time.monotonic() + CANCEL_SECONDS
        while time.monotonic() < deadline and not self._is_over(ref.name):
            time.sleep(CANCEL_POLL_SECONDS)

    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        self._found(ref)
        yield from lines(
            lambda: self._log_files(ref.name),
            follow,
            lambda: status_of(self._found(ref)) in FINAL,
        )

    def jobs(self) -> tuple[JobRef, ...]:
        return tuple(JobRef(self._target.name, name_of(job)) for job in jobs_of(self._workspace, self._target.name))

    @property
    def _workspace(self) -> Workspace:
        return connect(self._options.place)

    def _find(self, name: str) -> Object | None:
        return self._workspace.find(f"jobs/{name}", JOBS, f"reading job {name!r} of target {self._target.name!r}")

    def _is_over(self, name: str) -> bool:
        job = self._find(name)
        return job is None or status_of(job) in FINAL

    def _found(self, ref: JobRef) -> Object:
        _check_name(ref.name)
        job = self._find(ref.name)
        if job is None:
            raise self._absent(ref)
        return job

    def _absent(self, ref: JobRef) -> NotFoundError:
        return NotFoundError(
            f"There is no job {ref.name!r} on target {self._target.name!r} ({self._workspace.place.label}).",
            "Run the scenario again: submitting is idempotent.",
        )

    def _log_files(self, name: str) -> Mapping[str, str]:
        """Name → URL; none while the history does not know the job yet."""
        url = self._workspace.regional(HISTORY, f"runs/{name}/details")
        return (self._workspace.find(url, "", f"reading the run of job {name!r}") or {}).get("logFiles") or {}

    def _complaint(self, job: Object) -> str:
        """What keeps a queued job waiting, where its compute says it."""
        if status_of(job) != "Queued" or self._options.compute_kind is ComputeKind.SERVERLESS:
            return ""
        workspace = self._workspace
        try:
            compute = reader_of(workspace).shared(
                workspace, f"compute {self._options.compute}", lambda: read_compute(workspace, self._options)
            )
        except LandbridgeError as error:
            return error.message
        return compute.problem or compute.complaint


def _check_name(name: str) -> None:
    if not is_legal_label(name):
        raise InputError(f"{name!r} is no legal job name.", "Use up to 63 of a-z, 0-9 and -, not at the ends.")
