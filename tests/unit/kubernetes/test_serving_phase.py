"""What Kubernetes shows of a colour, and what it means: taken from real clusters, as a table."""

import json
from typing import Any

import pytest

from landbridge.domain.values import ColourPhase, Resources
from landbridge.drivers.kubernetes import colour_manifests as manifests
from landbridge.drivers.kubernetes.serving_phase import Sight, colour_status
from tests.unit.kubernetes.serving_examples import BUSY, SPEC, TARGET, options, order

NODES = [Resources(2000, 4 << 30)]
NOW = 1_700_000_100.0
READY, PENDING, FAILED = ColourPhase.READY, ColourPhase.PENDING, ColourPhase.FAILED


def deployment(spec: Any = SPEC, generation: int = 2, observed: int = 2, **status: Any) -> dict[str, Any]:
    made = manifests.deployment(order(spec), TARGET, options())
    made["metadata"]["generation"] = generation
    made["status"] = {"observedGeneration": observed, **status}
    return made


def pod(ready: bool = False, generation: str = "18f0", **status: Any) -> dict[str, Any]:
    labels = {
        "landbridge.io/endpoint": "flight-delay",
        "landbridge.io/colour": "blue",
        "landbridge.io/generation": generation,
    }
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}, *status.pop("conditions", [])]
    started = "2023-11-14T22:13:20Z"  # 100 s before NOW
    return {
        "metadata": {"name": "p", "labels": labels},
        "status": {"phase": "Running", "startTime": started, "conditions": conditions, **status},
    }


def container(restarts: int = 0, **state: Any) -> dict[str, Any]:
    last = state.pop("last", None)
    found = {"name": "serve", "restartCount": restarts, "ready": False, "state": state}
    return {**found, **({"lastState": {"terminated": last}} if last else {})}


def waiting(reason: str, message: str = "", restarts: int = 0, last: Any = None) -> dict[str, Any]:
    return container(restarts, waiting={"reason": reason, "message": message}, last=last)


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "message": message}


def unschedulable(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    found = pod(phase="Pending", conditions=[condition])
    asks = {"cpu": "100m", **({"nvidia.com/gpu": "1"} if "gpu" in message else {})}
    return {**found, "spec": {"containers": [{"resources": {"requests": asks, "limits": asks}}]}}


WORD = json.dumps({"reason": "DigestMismatch", "detail": "files are others"})
LOAD = json.dumps({"reason": "LoadFailed", "detail": "ValueError: no"})
NEVER = (
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available."
)
FULL = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector."
NO_GPU = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. no new claims to deallocate."
QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0'
FAILURE = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": QUOTA}
DEADLINE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}

TABLE: list[tuple[str, list[dict[str, Any]], ColourPhase, str]] = [
    ("ready", [pod(ready=True)], READY, ""),
    ("no pod yet", [], PENDING, "Starting"),
    ("creating", [pod(containerStatuses=[waiting("PodInitializing")])], PENDING, "Starting"),
    ("pods of another generation do not count", [pod(ready=True, generation="old")], PENDING, "Starting"),
    (
        "digest",
        [pod(initContainerStatuses=[waiting("CrashLoopBackOff", last=ended(20, message=WORD))])],
        FAILED,
        "DigestMismatch: files are others",
    ),
    (
        "digest, just now",
        [pod(initContainerStatuses=[container(terminated=ended(20, message=WORD))])],
        FAILED,
        "DigestMismatch",
    ),
    (
        "first crash",
        [pod(containerStatuses=[waiting("CrashLoopBackOff", "", 1, ended(1, message=LOAD))])],
        PENDING,
        "Restarting: Load",
    ),
    (
        "third crash",
        [pod(containerStatuses=[waiting("CrashLoopBackOff", "", 2, ended(1, message=LOAD))])],
        FAILED,
        "CrashLoopBackOff: LoadFailed: ValueError",
    ),
    (
        "out of memory",
        [pod(containerStatuses=[waiting("CrashLoopBackOff", "", 3, ended(137, "OOMKilled"))])],
        FAILED,
        "CrashLoopBackOff: OutOfMemory",
    ),
    (
        "no words",
        [pod(containerStatuses=[waiting("CrashLoopBackOff", "", 0, ended(3, message="a\nlast"))])],
        PENDING,
        "Restarting: exit code 3, last",
    ),
    (
        "image not there",
        [pod(initContainerStatuses=[waiting("ErrImagePull", "x: not found")])],
        FAILED,
        "ImagePullBackOff",
    ),
    (
        "registry is slow",
        [pod(startTime="2023-11-14T22:14:50Z", initContainerStatuses=[waiting("ErrImagePull", "i/o timeout")])],
        PENDING,
        "ImagePull",
    ),
    (
        "registry stays silent",
        [pod(initContainerStatuses=[waiting("ImagePullBackOff", "i/o timeout")])],
        FAILED,
        "ImagePullBackOff",
    ),
    (
        "never pulled",
        [pod(initContainerStatuses=[waiting("ErrImageNeverPull", "not present")])],
        FAILED,
        "ImagePullBackOff",
    ),
    (
        "no such secret",
        [pod(initContainerStatuses=[waiting("CreateContainerConfigError", 'secret "s" not found')])],
        FAILED,
        "NotStarted",
    ),
    ("no such node", [unschedulable(NEVER)], FAILED, "Unschedulable"),
    ("no GPU", [unschedulable(NO_GPU)], FAILED, "Unschedulable"),
    ("full for now", [unschedulable(FULL)], PENDING, "Unschedulable"),
    ("evicted and replaced", [pod(phase="Failed", reason="Evicted")], PENDING, "Starting"),
    (
        "unready",
        [pod(containerStatuses=[{**container(running={}), "started": True}])],
        PENDING,
        "Unready",
    ),
]


@pytest.mark.parametrize(("pods", "phase", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_pods_show(pods: list[dict[str, Any]], phase: ColourPhase, reason: str) -> None:
    found = colour_status(deployment(), Sight(pods, NOW, NODES))
    assert found.phase is phase
    assert found.reason.startswith(reason)
    assert bool(found.reason) == bool(reason)


def test_a_colour_tells_what_it_is() -> None:
    found = colour_status(deployment(), Sight([pod(ready=True, containerStatuses=[container(2)])], NOW))
    assert (found.colour, found.model, found.version, found.model_digest) == ("blue", "flights", "3", SPEC.model_digest)
    assert found.restarts == 2


def test_a_refused_creation_fails_a_colour_without_pods() -> None:
    found = colour_status(deployment(conditions=[FAILURE]), Sight([], NOW))
    assert found.phase is FAILED
    assert found.reason.startswith("QuotaExceeded: pods")


def test_what_kubernetes_said_of_an_earlier_order_is_not_heard() -> None:
    assert colour_status(deployment(generation=3, conditions=[FAILURE, DEADLINE]), Sight([], NOW)).phase is PENDING


def test_twenty_minutes_are_the_limit() -> None:
    found = colour_status(deployment(conditions=[DEADLINE]), Sight([pod()], NOW))
    assert found.phase is FAILED
    assert found.reason.startswith("StartTimeout")


def test_all_instances_must_be_ready() -> None:
    busy = deployment(type(SPEC)(**{**{name: getattr(SPEC, name) for name in SPEC.__slots__}, "settings": BUSY}))
    found = colour_status(busy, Sight([pod(ready=True), pod(ready=True), pod()], NOW))
    assert (found.phase, found.reason) == (PENDING, "2 of 3 instances are Ready")
    assert colour_status(busy, Sight([pod(ready=True)] * 3, NOW)).phase is READY
