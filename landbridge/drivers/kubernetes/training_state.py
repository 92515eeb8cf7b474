"""From a Job, its pods and their events to one JobStatus. Pure: what was read once goes in, one answer comes out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from landbridge.domain.values import Avoid, JobPhase, JobStatus, Resources
from landbridge.drivers.kubernetes import reasons
from landbridge.drivers.kubernetes.cluster import Object
from landbridge.drivers.kubernetes.job_manifest import FETCH, KEY_ENDED, MAIN
from landbridge.drivers.kubernetes.quantities import pod_requests
from landbridge.drivers.kubernetes.reasons import Why

INDEX_LABEL = "batch.kubernetes.io/job-completion-index"
OUR_WORDS = frozenset({"Exit", "Signal", "DiskFull", "OutOfMemory", "Lost", "NotStarted"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read. `nodes`: what each node has when empty, None = not asked or not allowed."""

    job: Object
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    nodes: Sequence[Resources] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A status, and what is wrong with a job that has not ended. A certain `why` means: end it now."""

    status: JobStatus
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What the runner said at its end; all empty when it said nothing that can be read."""

    exit_code: int | None = None
    reason: str = ""
    detail: str = ""
    outputs: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # name → digest and size of the archive
    started_at: float | None = None
    ended_at: float | None = None


def is_final(job: Object) -> bool:
    """Whether nothing will change any more, by the API server's word or by ours."""
    return bool(_condition(job, "Complete") or _condition(job, "Failed") or ended(job))


def reading(seen: Seen) -> Reading:
    """The job's status. What the API server calls Complete is success, whatever was wished in between."""
    job = seen.job
    if _condition(job, "Complete"):
        return Reading(_succeeded(job, seen.pods))
    if ours := ended(job):
        return Reading(ours)
    if failed := _condition(job, "Failed"):
        return Reading(_failed(job, failed, seen.pods))
    return _unfinished(seen)


def ended(job: Object) -> JobStatus | None:
    """How we ended it, from its annotation."""
    text = (job["metadata"].get("annotations") or {}).get(KEY_ENDED)
    if not text:
        return None
    said = json.loads(text)
    started = unix_time(_status(job).get("startTime"))
    avoid = Avoid(said.get("avoid", Avoid.EVERYTHING))
    return JobStatus(JobPhase.FAILED, said["reason"], said["detail"], None, started, float(said["at"]), avoid=avoid)


def read_message(pod: Object, container: str = MAIN) -> Message:
    """The termination message of a pod of ours."""
    text = str((_terminated(pod, container) or {}).get("message") or "")
    try:
        said = json.loads(text)
        return Message(
            said.get("exit_code"), str(said["reason"]), str(said["detail"]), said.get("outputs") or {},
            said.get("started_at"), said.get("ended_at"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return Message(detail=text.strip()[-300:])


def unix_time(text: Any) -> float | None:
    return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None


def index_of(pod: Object) -> int:
    """Which instance of the job it is."""
    labels = pod["metadata"].get("labels") or {}
    return int(labels.get(INDEX_LABEL) or (pod["metadata"].get("annotations") or {}).get(INDEX_LABEL) or 0)


def needs_events(seen: Seen) -> bool:
    """Whether events could explain why it does not run yet."""
    return not is_final(seen.job) and not any(_container(pod, MAIN, "running") for pod in seen.pods)


def needs_nodes(seen: Seen) -> bool:
    """Whether the nodes' sizes decide if waiting makes sense."""
    return any(_unscheduled(pod) for pod in seen.pods)


def _succeeded(job: Object, pods: Sequence[Object]) -> JobStatus:
    started, ended_at = _times(job, pods, _condition(job, "Complete"))
    return JobStatus(JobPhase.SUCCEEDED, "", "", 0, started, ended_at)


def _failed(job: Object, condition: Object, pods: Sequence[Object]) -> JobStatus:
    started, ended_at = _times(job, pods, _condition(job, "FailureTarget") or condition)
    if condition.get("reason") == "DeadlineExceeded":
        limit = job["spec"].get("activeDeadlineSeconds")
        detail = f"The job ran past its limit of {limit} s and was ended.{_last_line(pods)}"
        return JobStatus(JobPhase.FAILED, "Timeout", detail, None, started, ended_at)
    broken = sorted((pod for pod in pods if _status(pod).get("phase") == "Failed"), key=_ended_at)
    if not broken:
        detail = f"{condition.get('message') or condition.get('reason')}; its pod is gone, and nothing says why."
        return JobStatus(JobPhase.FAILED, "Lost", detail, None, started, ended_at, avoid=Avoid.NOTHING)
    code, why = explain(broken[0])
    return JobStatus(JobPhase.FAILED, why.reason, why.detail, code, started, ended_at, avoid=why.avoid)


def explain(pod: Object) -> tuple[int | None, Why]:
    """Why a pod failed, with its exit code."""
    message = read_message(pod)
    main, fetch = _terminated(pod, MAIN), _terminated(pod, FETCH)
    for state in (main, fetch):
        if (state or {}).get("reason") == "OOMKilled":
            return int(state["exitCode"]), reasons.OOM  # type: ignore[index]
    if taken := reasons.disruption(_status(pod)):
        return None, taken
    if message.reason in OUR_WORDS:
        return message.exit_code, Why(message.reason, message.detail, "", _whose(message.reason))
    if fetch and fetch.get("exitCode"):
        said = read_message(pod, FETCH)
        detail = said.detail or f"Fetching code and inputs failed with exit code {fetch['exitCode']}."
        return None, Why(said.reason or "NotStarted", detail, "", Avoid.TARGET)
    if message.reason == "Terminated":
        return None, Why("Evicted", f"Somebody deleted the pod. {message.detail}", "", Avoid.NOTHING)
    return _unexplained(main or {}, message)


def _whose(reason: str) -> Avoid:
    """Where a job would fail again that ended with this word of the runner."""
    return {"Lost": Avoid.NOTHING, "NotStarted": Avoid.TARGET}.get(reason, Avoid.EVERYTHING)


def _unexplained(main: Mapping[str, Any], message: Message) -> tuple[int | None, Why]:
    code = main.get("exitCode")
    word = str(main.get("reason") or "")
    if word in {"StartError", "ContainerCannotRun"} or code in {126, 127}:
        detail = (
            f"The container did not start: {message.detail or word}; the image needs /bin/sh and Python 3.9 or newer."
        )
        return code, Why("NotStarted", detail, "", Avoid.TARGET)
    if code is None:
        return None, Why("Lost", "The pod failed, and its containers say nothing.", "", Avoid.NOTHING)
    if code > 128:
        return code, Why("Signal", f"Signal {code - 128} ended the container.", "", Avoid.EVERYTHING)
    return code, Why(
        "Exit", f"The container ended with exit code {code}. {message.detail}".strip(), "", Avoid.EVERYTHING
    )


def _unfinished(seen: Seen) -> Reading:
    pods = sorted(seen.pods, key=index_of)
    for pod in pods:
        if why := _trouble(pod, seen):
            phase = JobPhase.RUNNING if _container(pod, MAIN, "running") else JobPhase.PENDING
            return Reading(JobStatus(phase, why.reason, why.sentence, started_at=_started(pod)), why)
    if not pods:
        return _without_pods(seen)
    if all(_container(pod, MAIN, "running") or _terminated(pod, MAIN) for pod in pods):
        return Reading(JobStatus(JobPhase.RUNNING, started_at=min(filter(None, map(_started, pods)), default=None)))
    waits = next((str(state.get("reason")) for pod in pods if (state := _waiting(pod))), "")
    if any(_container(pod, FETCH, "running") for pod in pods):
        return Reading(JobStatus(JobPhase.PENDING, "Fetching", "Code and inputs are on their way into the pod."))
    return Reading(JobStatus(JobPhase.PENDING, waits or "Pending", "The pod is being made ready."))


def _without_pods(seen: Seen) -> Reading:
    for event in _latest(seen.events, "FailedCreate"):
        if why := reasons.failed_create(str(event.get("message") or "")):
            return Reading(JobStatus(JobPhase.PENDING, why.reason, why.sentence), why)
    if seen.job["spec"].get("suspend"):
        return Reading(JobStatus(JobPhase.PENDING, "Suspended", "The job waits in its queue."))
    return Reading(JobStatus(JobPhase.PENDING, "Pending", "The job has no pod yet."))


def _trouble(pod: Object, seen: Seen) -> Why | None:
    if scheduled := _unscheduled(pod):
        scales = bool(_latest(seen.events, "TriggeredScaleUp"))
        return reasons.unschedulable(str(scheduled.get("message") or ""), pod_requests(pod), seen.nodes, scales)
    if pod["metadata"].get("deletionTimestamp") or _status(pod).get("phase") == "Unknown":
        taken = reasons.disruption(_status(pod))
        if taken and taken.reason == "NodeLost":
            return taken  # its kubelet will not tell how it ended
    return _not_made(pod, _latest(seen.events, "Failed"))


def _not_made(pod: Object, failed: Sequence[Object]) -> Why | None:
    """Why its containers are not made. An event comes first; the state of the container follows it by seconds."""
    pulls = [event for event in failed if "pull image" in str(event.get("message"))]
    if state := _waiting(pod):
        message = str(state.get("message") or "")
        if pulls and "Back-off" in message:
            message = str(pulls[0]["message"])  # the state has forgotten why
        count = sum(int(event.get("count") or 1) for event in pulls)
        if why := reasons.waiting(str(state.get("reason") or ""), message, count):
            return why
    if _container(pod, MAIN, "running"):
        return None
    return next((why for event in failed if (why := reasons.never_made(str(event.get("message") or "")))), None)


def _unscheduled(pod: Object) -> Object | None:
    found = _condition(pod, "PodScheduled", "False")
    return found if found and found.get("reason") in {"Unschedulable", "SchedulerError"} else None


def _times(job: Object, pods: Sequence[Object], condition: Object | None) -> tuple[float | None, float | None]:
    """When it started and ended: the runner's own clock while a pod still tells, else the API server's."""
    said = [message for pod in pods if (message := read_message(pod)).started_at and message.ended_at]
    if said:
        return min(m.started_at or 0.0 for m in said), max(m.ended_at or 0.0 for m in said)
    started = min(filter(None, map(_started, pods)), default=None) or unix_time(_status(job).get("startTime"))
    ended_at = unix_time((condition or {}).get("lastTransitionTime"))
    return started, max(started or 0.0, ended_at) if ended_at else None


def _started(pod: Object) -> float | None:
    running, over = _container(pod, MAIN, "running"), _terminated(pod, MAIN)
    return unix_time((running or over or {}).get("startedAt"))


def _ended_at(pod: Object) -> float:
    return unix_time((_terminated(pod, MAIN) or _terminated(pod, FETCH) or {}).get("finishedAt")) or 0.0


def _last_line(pods: Sequence[Object]) -> str:
    for pod in pods:
        _, mark, line = read_message(pod).detail.partition("Last line: ")
        if mark:
            return f" Last line: {line}"
    return ""


def _condition(item: Object, kind: str, status: str = "True") -> Object | None:
    for condition in _status(item).get("conditions") or ():
        if condition.get("type") == kind and condition.get("status") == status:
            return dict(condition)
    return None


def _status(item: Object) -> Mapping[str, Any]:
    return item.get("status") or {}


def _container(pod: Object, name: str, state: str) -> Mapping[str, Any] | None:
    for kind in ("containerStatuses", "initContainerStatuses"):
        for container in _status(pod).get(kind) or ():
            if container.get("name") == name and (container.get("state") or {}).get(state) is not None:
                return dict(container["state"][state])
    return None


def _terminated(pod: Object, name: str) -> Mapping[str, Any] | None:
    return _container(pod, name, "terminated")


def _waiting(pod: Object) -> Mapping[str, Any] | None:
    """The first container that waits: init containers come first, the main one waits for them all the while."""
    found = [_container(pod, name, "waiting") for name in (FETCH, MAIN)]
    return next((state for state in found if state and state.get("reason") != "PodInitializing"), None)


def _latest(events: Sequence[Object], reason: str) -> list[Object]:
    found = [event for event in events if event.get("reason") == reason]
    return sorted(
        found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""), reverse=True
    )
