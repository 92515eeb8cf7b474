"""From a job of Azure ML and its run to one JobStatus. Pure: what was read once goes in, one answer comes out."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from landbridge.domain.azure.faults import Fault, Where, classify, match
from landbridge.domain.values import Avoid, JobPhase, JobStatus
from landbridge.drivers.azureml.client import Object
from landbridge.drivers.azureml.errors import QUOTA, scrubbed, words_of

# https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command and JobStatus of the REST API.
WAITING = frozenset({"NotStarted", "Queued", "Starting", "Provisioning", "Preparing", "Scheduled", "Unknown", ""})
GOING = frozenset({"Running", "Finalizing", "CancelRequested", "NotResponding", "Paused"})
FINAL = frozenset({"Completed", "Failed", "Canceled"})
OF_JOBS = frozenset({Where.COMPUTE, Where.CLUSTER, Where.TRAINING, Where.OTHER, Where.SERVING})
"""Where a fault of the table can stand that ends a job: pods of jobs and of deployments fail alike."""

_EXIT = re.compile(
    r"(?:exited with (?:status code|non-zero (?:exit )?code|code)|exit code|exit status)[:\s]+(-?\d+)", re.I
)
_MEMORY = re.compile(r"\bOOM|out of memory|OutOfMemory|memory limit", re.IGNORECASE)
_DISK = re.compile(r"DiskFull|no space left on device|disk full", re.IGNORECASE)
_TAKEN = re.compile(r"preempt|evicted|node (?:was )?lost|NodeLost|low.?priority", re.IGNORECASE)
_OURS_TO_BLAME = frozenset(
    {"SystemError", "ServiceError", "ServiceUnavailable", "InternalServerError", "TransientError"}
)
LONGEST = 400  # characters of Azure's words


def name_of(job: Object) -> str:
    return str(job["name"])


def status_of(job: Object) -> str:
    return str(job["properties"].get("status") or "")


def needs_run(job: Object) -> bool:
    """Whether the run's history has more to tell: it has begun."""
    return status_of(job) in GOING | FINAL


def reading(job: Object, run: Mapping[str, Any] | None, complaint: str = "") -> JobStatus:
    """The job's status.

    Args:
        run: its history; None = not asked, or not there yet.
        complaint: what the compute says of itself, of a job that waits for it.
    """
    status, history = status_of(job), run or {}
    started, ended = unix_time(history.get("startTimeUtc")), unix_time(history.get("endTimeUtc"))
    if status == "Completed":
        return JobStatus(JobPhase.SUCCEEDED, "", "", 0, started, ended)
    if status == "Canceled":
        return _canceled(job, started, ended)
    if status == "Failed":
        return _failed(history.get("error") or {}, started, ended)
    if status in WAITING:
        reason = "Queued" if status in {"NotStarted", ""} else status
        return JobStatus(JobPhase.PENDING, reason, complaint or f"Azure ML says: {reason}.")
    return JobStatus(JobPhase.RUNNING, started_at=started)


def unix_time(text: Any) -> float | None:
    """Azure writes seven digits behind the second, of which Python reads six."""
    if not isinstance(text, str) or not text:
        return None
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00")).timestamp()


def limit_seconds(job: Object) -> float:
    """The job's own limit, s; 0 = none. Azure takes and gives ISO 8601 durations."""
    text = str((job["properties"].get("limits") or {}).get("timeout") or "")
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", text)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0.0,) * 4
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _canceled(job: Object, started: float | None, ended: float | None) -> JobStatus:
    """Azure cancels a job at its limit as anybody else does; what tells them apart is how long it ran."""
    limit = limit_seconds(job)
    if limit and started is not None and ended is not None and ended - started >= limit:
        detail = f"The job ran past its limit of {limit:g} s and was ended."
        return JobStatus(JobPhase.FAILED, "Timeout", detail, None, started, ended)
    return JobStatus(JobPhase.FAILED, "Cancelled", "The job was cancelled.", None, started, ended)


def _failed(said: Mapping[str, Any], started: float | None, ended: float | None) -> JobStatus:
    error = said.get("error") if isinstance(said.get("error"), dict) else said
    code, message = words_of(error or {})
    exit_code, reason, detail, avoid = explain(code, message)
    return JobStatus(JobPhase.FAILED, reason, detail, exit_code, started, ended, avoid=avoid)


def explain(code: str, message: str) -> tuple[int | None, str, str, Avoid]:
    """Exit code, reason, detail and what to keep away from, of a failed job.

    A sentence of the table that tells of the platform counts before the exit code, since the platform's processes have exit
    codes too; a mere word of it does not, since the job's own last lines are part of the message.
    """
    sure = next((one.fault for one in match(message) if _tells(one.fault, message)), None)
    found = _EXIT.search(message)
    if found and not sure:
        number = int(found[1])
        return (number, *_of_the_job(number, message))
    fault = sure or _known(code, message)
    if fault is not None:
        return None, fault.code, _sentence(message, fault.fix), fault.avoid
    if QUOTA.search(code):
        return None, "QuotaExceeded", _sentence(message, "Have the quota raised, or ask for less."), Avoid.TARGET
    if _TAKEN.search(f"{code} {message}"):
        return None, "Evicted", _sentence(message, "It may succeed on another machine."), Avoid.NOTHING
    avoid = Avoid.NOTHING if code in _OURS_TO_BLAME else Avoid.EVERYTHING
    return None, code or "Failed", _sentence(message, "Read the job's log and its page in Azure ML studio."), avoid


def _of_the_job(number: int, message: str) -> tuple[str, str, Avoid]:
    last = next((line.strip() for line in reversed(message.splitlines()) if line.strip()), "")
    words = scrubbed(last)[-LONGEST:]
    if _MEMORY.search(message) and number in {137, -9, 1}:
        return "OutOfMemory", f"The job used more memory than it may. {words}", Avoid.EVERYTHING
    if _DISK.search(message):
        return "DiskFull", f"The disk was full. {words}", Avoid.INSTANCE_TYPE
    return "Exit", f"The job ended with exit code {number}. Azure's words: {words}", Avoid.EVERYTHING


def _tells(fault: Fault, message: str) -> bool:
    return bool(fault.pattern) and fault.where in OF_JOBS and bool(re.search(fault.pattern, message, re.I | re.S))


def _known(code: str, message: str) -> Fault | None:
    found = classify(code, message)
    return found if found and found.where in OF_JOBS else None


def _sentence(message: str, fix: str) -> str:
    words = " ".join(scrubbed(message).split())[:LONGEST].rstrip(". ")
    return f"{words or 'Azure gives no words'}. {fix}"
