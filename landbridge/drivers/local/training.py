"""Training on this machine: one job is one directory, one runner process and one process group.

Inputs are given as the paths that they are, not mounted; a job that writes to one writes to the store or the cache (the
cache notices and mends itself). Memory is not limited: an address-space limit would stop numerical libraries long
before they use memory. What a job asks for counts in `capacity`, so placement does not overfill the machine.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from landbridge.domain.errors import CapabilityMissingError, InputError, LandbridgeError, NotFoundError
from landbridge.domain.expressions import render
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob
from landbridge.domain.placement import Capacity, NodeCapacity
from landbridge.domain.plan import Finding
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import Avoid, JobPhase, JobRef, JobStatus, Resources
from landbridge.drivers.faults import translated
from landbridge.drivers.local.training_findings import findings
from landbridge.drivers.local.training_processes import end_processes, start_runner
from landbridge.drivers.local.training_record import LEGAL_NAME, ExitRecord, JobFolder, StartRecord, folders

POLL_SECONDS = 0.1
CANCEL_SECONDS = 7.0  # the runner's own grace is 5 s
CANCEL_POLL_SECONDS = 0.01
LOST = "Lost"  # the runner was killed


class LocalTraining:
    """TrainingTarget, CanStreamLogs, CanListJobs."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._root = Path(inventory.home).absolute() / "sites" / target.site / "jobs" / target.name

    def capacity(self) -> Capacity:
        """Declared, else the machine's; free is that minus what this target's running jobs asked for."""
        try:
            with translated(f"reading the jobs of target {self._target.name!r}"):
                used = sum((job.resources() for job in folders(self._root) if job.uses_capacity()), Resources())
        except LandbridgeError as error:
            return Capacity(reachable=False, detail=str(error))
        total = _total(self._target.capacity)
        return Capacity((NodeCapacity(self._target.name, total, total - used),))

    def findings(self, job: CommandJob) -> tuple[Finding, ...]:
        return findings(job, self._target)

    def submit(self, job: TrainingJob) -> JobRef:
        with translated(f"submitting job {job.name!r} to target {self._target.name!r}"):
            folder = self._folder(job.name)
            if not folder.exists():
                folder.claim(job, _start(job, folder.path))
            if folder.runner() is None and folder.ending() is None:
                start_runner(folder.path)  # also when an earlier submitter died between claim and start
        return JobRef(self._target.name, job.name)

    def observe(self, ref: JobRef) -> JobStatus:
        with translated(f"reading job {ref.name!r} of target {self._target.name!r}"):
            folder = self._found(ref)
            runner = folder.runner()
            ending = folder.ending()
            if ending is None and runner is not None and not folder.runner_lives():
                ending = folder.ending() or _lost(folder)
            if ending is not None:
                return _final(ending, folder)
            if runner is None:
                return JobStatus(JobPhase.PENDING, "NotStarted", "Claimed; the runner has not started yet.")
            return JobStatus(JobPhase.RUNNING, started_at=runner[1])

    def cancel(self, ref: JobRef) -> None:
        """As the port says; processes get 5 s to end by themselves. Blocks until they have ended."""
        with translated(f"cancelling job {ref.name!r} of target {self._target.name!r}"):
            folder = self._folder(ref.name)
            if not folder.exists() or folder.ending() is not None:
                return
            (folder.path / "cancel").touch()
            runner = folder.runner()
            if runner is not None and folder.runner_lives():
                os.kill(runner[0], signal.SIGTERM)  # the lock is held, so the pid is the runner's
                _await_ending(folder)
            if folder.ending() is None:
                end_processes(folder.path, runner[0] if runner else None)
                folder.end(ExitRecord("Cancelled", "The job was cancelled.", ended_at=time.time()))

    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        with translated(f"reading the log of job {ref.name!r} of target {self._target.name!r}"):
            folder = self._found(ref)
            with (folder.path / "log").open(encoding="utf-8", errors="replace") as stream:
                rest = ""
                while True:
                    final = (
                        not follow or self.observe(ref).phase.is_final
                    )  # asked before reading: nothing comes after it
                    *lines, rest = (rest + stream.read()).split("\n")
                    yield from lines
                    if final:
                        break
                    time.sleep(POLL_SECONDS)
                if rest:
                    yield rest

    def jobs(self) -> tuple[JobRef, ...]:
        with translated(f"listing the jobs of target {self._target.name!r}"):
            return tuple(JobRef(self._target.name, folder.path.name) for folder in folders(self._root))

    def _folder(self, name: str) -> JobFolder:
        if not LEGAL_NAME.fullmatch(name):
            raise InputError(f"{name!r} is no legal job name.", "Use up to 63 of a-z, 0-9 and -, not at the ends.")
        return JobFolder(self._root / name)

    def _found(self, ref: JobRef) -> JobFolder:
        folder = self._folder(ref.name)
        if not folder.exists():
            raise NotFoundError(
                f"There is no job {ref.name!r} on target {self._target.name!r}.",
                "Run the scenario again: submitting is idempotent.",
            )
        return folder


def _start(job: TrainingJob, folder: Path) -> StartRecord:
    outputs = {name: str(folder / "outputs" / name) for name in job.job.outputs}
    literals = {name for name, given in job.job.inputs.items() if not given.is_data}
    return StartRecord(
        folder=folder,
        timeout_seconds=job.timeout_seconds,
        shell=shutil.which("bash") or "/bin/sh",
        command=render(job.job.command, job.inputs, outputs, literals),
        python=_python(job.environment),
        variables=job.environment_variables,
    )


def _python(environment: ResolvedEnvironment) -> Path:
    if not environment.python:
        raise CapabilityMissingError(
            f"Environment {environment.name!r} is the image {environment.image!r}; a local target runs no containers.",
            "Map it to a `python:` for this target under `environments` in the inventory.",
        )
    python = Path(sys.executable if environment.python == "current" else environment.python)
    if not os.access(python, os.X_OK):
        raise InputError(
            f"Environment {environment.name!r} names the interpreter {python}, which cannot be run.",
            "Correct its `python:` under `environments` in the inventory.",
        )
    return python.absolute()


def _total(declared: Resources) -> Resources:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cpu = 1000 * (os.cpu_count() or 1)
    return Resources(declared.cpu_millicores or cpu, declared.memory_bytes or memory, declared.gpus)


def _lost(folder: JobFolder) -> ExitRecord:
    """The runner was killed: end what it left behind, so that no orphan works on, and write it down."""
    runner = folder.runner()
    end_processes(folder.path, None)
    started = runner[1] if runner else None
    detail = "The job's runner was killed (or the machine restarted); what was left of the job has been ended."
    folder.end(ExitRecord(LOST, detail, started_at=started, ended_at=time.time()))
    return folder.ending() or ExitRecord(LOST, detail)


def _final(ending: ExitRecord, folder: JobFolder) -> JobStatus:
    phase = JobPhase.FAILED if ending.reason else JobPhase.SUCCEEDED
    return JobStatus(
        phase,
        ending.reason,
        ending.detail,
        ending.exit_code,
        ending.started_at,
        ending.ended_at,
        folder.outputs() if phase is JobPhase.SUCCEEDED else {},
        Avoid.NOTHING if ending.reason == LOST else Avoid.EVERYTHING,
    )


def _await_ending(folder: JobFolder) -> None:
    deadline = time.monotonic() + CANCEL_SECONDS
    while folder.ending() is None and time.monotonic() < deadline and folder.runner_lives():
        time.sleep(CANCEL_POLL_SECONDS)
