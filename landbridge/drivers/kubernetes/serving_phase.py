"""What a Deployment and its pods say together: the colour's phase, and the cluster's own reason. Pure.

Ready follows the pods of the present generation only. Failed is what no waiting mends: it stands within seconds, long
before Kubernetes' own progress deadline. A Failed colour that comes to itself is Ready again: state is read, not kept.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landbridge.domain.requests import ColourStatus
from landbridge.domain.values import ColourPhase, Resources
from landbridge.drivers.kubernetes.colour_manifests import START_SECONDS
from landbridge.drivers.kubernetes.colours import (
    DIGEST,
    GENERATION,
    INSTANCES,
    MODEL,
    VERSION,
    generation_of,
    told,
)
from landbridge.drivers.kubernetes.quantities import pod_requests
from landbridge.drivers.kubernetes.reasons import Why, failed_create, unschedulable, waiting
from landbridge.drivers.kubernetes.routes import COLOUR
from landbridge.runner import model_server

Object = dict[str, Any]

FINAL_CODES = (model_server.DIGEST_MISMATCH, model_server.NO_MODEL, model_server.MISSING_PACKAGE)
PULL_SECONDS = 45.0  # a registry that does not answer is asked again; for so long
LAST_RESTART = 2  # the third start fails as the two before


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that is wrong; `final`: waiting does not mend it."""

    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What was read beside the Deployments. `pods`: all of the endpoint will do; `now`: Unix time, s.

    `nodes`: what each node has when it is empty; None = not asked, or not allowed.
    """

    pods: Sequence[Object]
    now: float
    nodes: Sequence[Resources] | None = None


def needs_nodes(pods: Iterable[Object]) -> bool:
    """Whether the nodes' sizes decide if waiting makes sense."""
    return any(_condition(pod, "PodScheduled").get("status") == "False" for pod in pods)


def colour_status(deployment: Object, sight: Sight) -> ColourStatus:
    """The colour as it is now."""
    mine = pods_of(deployment, sight.pods)
    phase, reason = _phase(deployment, mine, sight)
    return ColourStatus(
        colour=told(deployment, COLOUR),
        phase=phase,
        model=told(deployment, MODEL),
        version=told(deployment, VERSION),
        model_digest=told(deployment, DIGEST),
        reason=reason,
        restarts=sum(int(item.get("restartCount", 0)) for pod in mine for item in _statuses(pod, "containerStatuses")),
    )


def pods_of(deployment: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods of the present order that are not on their way out."""
    colour, generation = told(deployment, COLOUR), generation_of(deployment)
    return [
        pod
        for pod in pods
        if (labels := pod["metadata"].get("labels") or {}).get(COLOUR) == colour
        and labels.get(GENERATION) == generation
        and "deletionTimestamp" not in pod["metadata"]
        and (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded")  # evicted, and replaced
    ]


def is_ready(pod: Object) -> bool:
    return _condition(pod, "Ready").get("status") == "True"


def _phase(deployment: Object, pods: Sequence[Object], sight: Sight) -> tuple[ColourPhase, str]:
    wanted, ready = int(told(deployment, INSTANCES) or 1), sum(map(is_ready, pods))
    if ready >= wanted:
        return ColourPhase.READY, ""
    words = [word for pod in pods for word in _pod_words(pod, sight)] + list(_deployment_words(deployment, bool(pods)))
    if final := next((word for word in words if word.final), None):
        return ColourPhase.FAILED, final.reason
    some = [f"{ready} of {wanted} instances are Ready"] if ready else []
    return ColourPhase.PENDING, "; ".join([*some, *dict.fromkeys(word.reason for word in words)]) or "Starting"


def _deployment_words(deployment: Object, has_pods: bool) -> Iterator[Word]:
    status = deployment.get("status") or {}
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"].get("generation", 0)):
        return  # what it says is of an earlier order
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        message = str(failure.get("message", ""))
        known = failed_create(message)
        yield Word(
            f"{known.reason if known else 'FailedCreate'}: {message}", bool(known and known.certain and not has_pods)
        )
    if _condition(deployment, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        yield Word(f"StartTimeout: not Ready within {START_SECONDS} s", final=True)


def _word(why: Why) -> Word:
    return Word(f"{why.reason}: {why.detail}", why.certain)


def _pod_words(pod: Object, sight: Sight) -> Iterator[Word]:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield _word(unschedulable(str(scheduled.get("message", "")), pod_requests(pod), sight.nodes))
    for container in (*_statuses(pod, "initContainerStatuses"), *_statuses(pod, "containerStatuses")):
        yield from _container_words(container, _age(pod, sight.now))


def _container_words(container: Object, age_seconds: float) -> Iterator[Word]:
    state = container.get("state") or {}
    waits = state.get("waiting") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    reason = str(waits.get("reason", ""))
    if why := waiting(reason, str(waits.get("message", "")), 2 if age_seconds > PULL_SECONDS else 1):
        yield _word(why)
    elif ended and int(ended.get("exitCode", 0)) != 0 and not container.get("ready"):
        said = _why(ended)
        restarts = int(container.get("restartCount", 0))
        if int(ended["exitCode"]) in FINAL_CODES:
            yield Word(said, final=True)
        elif reason == "CrashLoopBackOff" and restarts >= LAST_RESTART:
            yield Word(f"CrashLoopBackOff: {said}", final=True)
        else:
            yield Word(f"Restarting: {said}")
    elif container.get("started") and not container.get("ready") and "running" in state:
        yield Word("Unready: the readiness probe fails")


def _why(ended: Object) -> str:
    """What the container wrote down, else what the cluster knows."""
    if ended.get("reason") == "OOMKilled":
        return "OutOfMemory: it used more than the memory limit of its instance type"
    message = str(ended.get("message") or "").strip()
    try:
        said = json.loads(message)
        return f"{said['reason']}: {said['detail']}"
    except (ValueError, KeyError, TypeError):
        last = message.splitlines()[-1][:300] if message else ""
        return f"exit code {ended.get('exitCode')}" + (f", {last}" if last else "")


def _condition(thing: Object, kind: str) -> Object:
    conditions = (thing.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind), {})


def _statuses(pod: Object, key: str) -> Sequence[Object]:
    return (pod.get("status") or {}).get(key) or ()


def _age(pod: Object, now: float) -> float:
    """Seconds since the node took the pod; 0 before."""
    started = (pod.get("status") or {}).get("startTime")
    return now - datetime.fromisoformat(started.replace("Z", "+00:00")).timestamp() if started else 0.0
