"""Training that runs nothing: phases, outputs and logs come from a plan in the target's options.

    options:
      jobs:                       # glob over job names → what becomes of such a job; the first that fits counts
        "flights-*":
          pending_seconds: 0
          running_seconds: 0      # above the job's timeout: it fails with `Timeout`
          exit_code: 0            # other than 0: it fails with `reason` (default `Exit`)
          reason: ""
          detail: ""
          avoid: everything       # of a failure: `target` = another target may try
          log: ["one line"]
          outputs: {model: {MLmodel: "text"}}   # output → file → content
          metrics: {mae: 12.5}                  # logged where the memory registry's tracking run says
      refuses: {distribution: why}               # fields of a job that this target refuses
      unreachable: ""                            # why nobody can ask for its capacity
      public_egress: []                          # places of the internet that a job reaches around every proxy

A job is one JSON file under the home, so every process sees it; its phase follows from the clock and the plan in force
when it was submitted. `faults.json` above them fails single calls (`landbridge.drivers.memory.faults`).
"""

import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from landbridge.domain.errors import CorruptError, InputError, LandbridgeError, NotFoundError, TargetUnavailableError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob, JobEnvironment
from landbridge.domain.placement import Capacity, NodeCapacity
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Avoid, JobPhase, JobRef, JobStatus, Json, Resources
from landbridge.drivers.faults import translated
from landbridge.drivers.findings import of_no_target
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.drivers.memory.registry import METRICS_VARIABLE

LEGAL_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
POLL_SECONDS = 0.05
ROOMY = Resources(cpu_millicores=64_000, memory_bytes=256 << 30, gpus=8)
BLANK = CommandJob("", "", "", JobEnvironment())
PLANNED = (
    *("command", "code", "environment", "inputs", "outputs", "environment_variables", "resources", "distribution"),
    *("services", "identity", "queue_settings"),
)


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What becomes of a job; times in s."""

    pending_seconds: float = 0.0
    running_seconds: float = 0.0
    exit_code: int = 0
    reason: str = ""
    detail: str = ""
    avoid: str = Avoid.EVERYTHING
    log: tuple[str, ...] = ()
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A submitted job and, when somebody cancelled it, since when (Unix time, s). `metrics_file`: "" = it logs none."""

    submitted_at: float
    timeout_seconds: float
    outputs: tuple[str, ...]
    resources: Resources
    plan: JobPlan
    cancelled_at: float | None = None
    metrics_file: str = ""


def public_egress(target: Target, _: Inventory) -> tuple[str, ...]:
    if why := str(target.options.get("unreachable") or ""):
        raise TargetUnavailableError(f"Target {target.name!r} does not answer: {why}", "Wait for it.")
    places: Any = target.options.get("public_egress") or ()
    return tuple(str(place) for place in places)


class MemoryTraining:
    """TrainingTarget, CanStreamLogs, CanListJobs."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._root = Path(inventory.home).absolute() / "sites" / target.site / "memory-training" / target.name / "jobs"
        self.faults = FaultPlan(self._root.parent)

    def capacity(self) -> Capacity:
        try:
            with translated(f"asking target {self._target.name!r}"):
                self.faults.meet("capacity")
                running = [self._read(ref.name) for ref in self.jobs()]
        except LandbridgeError as error:
            return Capacity(reachable=False, detail=str(error))
        if why := str(self._target.options.get("unreachable") or ""):
            return Capacity(reachable=False, detail=why)
        total = self._target.capacity if self._target.capacity != Resources() else ROOMY
        used = sum((job.resources for job in running if not _status(job, self._root).phase.is_final), Resources())
        return Capacity((NodeCapacity(self._target.name, total, total - used),))

    def findings(self, job: CommandJob) -> tuple[Finding, ...]:
        said = "Nothing is run: options plan the outcome."
        nothing = [Finding(name, FindingKind.SUBSTITUTED, said) for name in PLANNED if _is_set(job, name)]
        written = self._target.options.get("refuses")
        refuses = written if isinstance(written, dict) else {}
        hint = f"Take it out of targets.{self._target.name}.options.refuses."
        refused = {name: str(why) for name, why in refuses.items() if _is_set(job, name)}
        no = (Finding(name, FindingKind.REFUSED, why, hint) for name, why in refused.items())
        return (*nothing, *of_no_target(job), *no)

    def submit(self, job: TrainingJob) -> JobRef:
        with translated(f"submitting job {job.name!r} to target {self._target.name!r}"):
            self.faults.meet("submit")
            path = self._path(job.name)
            if not path.exists():
                outputs, logged_to = tuple(job.job.outputs), job.environment_variables.get(METRICS_VARIABLE, "")
                record = JobRecord(time.time(), job.timeout_seconds, outputs, job.resources, self._plan(job.name))
                _write(path, replace(record, metrics_file=logged_to), overwrite=False)
        return JobRef(self._target.name, job.name)

    def observe(self, ref: JobRef) -> JobStatus:
        with translated(f"reading job {ref.name!r} of target {self._target.name!r}"):
            self.faults.meet("observe")
            record = self._read(ref.name)
            folder = self._path(ref.name).with_suffix("")
            status = _status(record, folder)
            if status.phase is JobPhase.SUCCEEDED:
                _leave_outputs(record, folder)
            return status

    def cancel(self, ref: JobRef) -> None:
        with translated(f"cancelling job {ref.name!r} of target {self._target.name!r}"):
            self.faults.meet("cancel")
            path = self._path(ref.name)
            if not path.exists():
                return
            record = self._read(ref.name)
            if not _status(record, self._root).phase.is_final:
                _write(path, replace(record, cancelled_at=time.time()), overwrite=True)

    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        with translated(f"reading the log of job {ref.name!r} of target {self._target.name!r}"):
            self.faults.meet("logs")
            yield from self._read(ref.name).plan.log
            while follow and not self.observe(ref).phase.is_final:
                time.sleep(POLL_SECONDS)

    def jobs(self) -> tuple[JobRef, ...]:
        with translated(f"listing the jobs of target {self._target.name!r}"):
            names = sorted(path.stem for path in self._root.glob("[a-z0-9]*.json"))
            return tuple(JobRef(self._target.name, name) for name in names)

    def _plan(self, name: str) -> JobPlan:
        plans = self._target.options.get("jobs")
        for pattern, plan in plans.items() if isinstance(plans, dict) else ():
            if fnmatchcase(name, pattern):
                return _job_plan(plan, f"targets.{self._target.name}.options.jobs.{pattern}")
        return JobPlan()

    def _path(self, name: str) -> Path:
        if not LEGAL_NAME.fullmatch(name):
            raise InputError(f"{name!r} is no legal job name.", "Use up to 63 of a-z, 0-9 and -, not at the ends.")
        return self._root / f"{name}.json"

    def _read(self, name: str) -> JobRecord:
        path = self._path(name)
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            plan = _job_plan(record.pop("plan"), str(path))
            resources = Resources(**record.pop("resources"))
            return JobRecord(plan=plan, resources=resources, **{**record, "outputs": tuple(record["outputs"])})
        except FileNotFoundError as error:
            message = f"There is no job {name!r} on target {self._target.name!r}."
            raise NotFoundError(message, "Run the scenario again: submitting is idempotent.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "Delete the file, then run the scenario again."
            raise CorruptError(f"The job record {path} cannot be read.", hint) from error


def _is_set(job: CommandJob, name: str) -> bool:
    return bool(getattr(job, name, None) != getattr(BLANK, name, None))


def _job_plan(written: Json, where: str) -> JobPlan:
    known = {item.name for item in fields(JobPlan)}
    if not isinstance(written, dict) or written.keys() - known:
        raise InputError(f"{where} is no job plan.", f"Use only {', '.join(sorted(known))}.")
    values: dict[str, Any] = dict(written)
    return JobPlan(**{**values, "log": tuple(values.get("log", ()))})


def _status(record: JobRecord, folder: Path) -> JobStatus:
    """Where the job is now, by the clock."""
    plan, now = record.plan, time.time()
    started = record.submitted_at + plan.pending_seconds
    limit = record.timeout_seconds or float("inf")
    ends = started + min(plan.running_seconds, limit)
    if record.cancelled_at is not None and record.cancelled_at < ends:
        ended = record.cancelled_at
        return JobStatus(JobPhase.FAILED, "Cancelled", "The job was cancelled.", None, started, ended)
    if now < started:
        return JobStatus(JobPhase.PENDING)
    if now < ends:
        return JobStatus(JobPhase.RUNNING, started_at=started)
    if plan.running_seconds > limit:
        return JobStatus(JobPhase.FAILED, "Timeout", f"The job ran past its limit of {limit} s.", None, started, ends)
    if plan.exit_code or plan.reason:
        detail = plan.detail or f"The job ended with exit code {plan.exit_code}, as planned."
        return JobStatus(
            JobPhase.FAILED, plan.reason or "Exit", detail, plan.exit_code, started, ends, {}, Avoid(plan.avoid)
        )
    outputs = {name: f"file://{folder}/{name}" for name in record.outputs}
    return JobStatus(JobPhase.SUCCEEDED, "", "", 0, started, ends, outputs)


def _leave_outputs(record: JobRecord, folder: Path) -> None:
    """Write the planned files and metrics; safe to repeat."""
    if record.metrics_file and record.plan.metrics:
        Path(record.metrics_file).write_text(json.dumps(dict(record.plan.metrics)), encoding="utf-8")
    for name in record.outputs:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path, content in record.plan.outputs.get(name, {}).items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")


def _write(path: Path, record: JobRecord, overwrite: bool) -> None:
    """Make the record appear whole; without `overwrite` the first one stays."""
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    for name in ("plan", "resources"):
        values[name] = {item.name: getattr(values[name], item.name) for item in fields(values[name])}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(values), encoding="utf-8")
    try:
        (os.replace if overwrite else os.link)(draft, path)
    except FileExistsError:
        pass  # another process submitted it first
    finally:
        draft.unlink(missing_ok=True)
