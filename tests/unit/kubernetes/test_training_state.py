"""From what the API server says to one status."""

import json
from typing import Any

import pytest

from landbridge.domain.values import JobPhase, Resources
from landbridge.drivers.kubernetes.training_state import (
    Seen,
    is_final,
    needs_events,
    needs_nodes,
    read_message,
    reading,
)

STARTED, ENDED = "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z"


def job(*conditions: dict[str, str], ended: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    annotations = {"landbridge.io/ended": json.dumps(ended)} if ended else {}
    done = [{"status": "True", "lastTransitionTime": ENDED, **condition} for condition in conditions]
    return {
        "metadata": {"name": "a", "annotations": annotations},
        "spec": {"completions": 1, "activeDeadlineSeconds": 60, **spec},
        "status": {"startTime": STARTED, "conditions": done},
    }


COMPLETE = {"type": "Complete"}
BACKOFF = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
DEADLINE = {"type": "Failed", "reason": "DeadlineExceeded"}


def pod(
    main: dict[str, Any] | None = None, fetch: dict[str, Any] | None = None, phase: str = "Pending", **status: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {"phase": phase, **status}
    if main is not None:
        made["containerStatuses"] = [{"name": "main", "state": main}]
    if fetch is not None:
        made["initContainerStatuses"] = [{"name": "fetch", "state": fetch}]
    return {
        "metadata": {"name": "a-x"},
        "spec": {"containers": [{"resources": {"requests": {"cpu": "4"}}}]},
        "status": made,
    }


def over(code: int, message: Any = "", reason: str = "Error") -> dict[str, Any]:
    text = json.dumps(message) if isinstance(message, dict) else message
    return {
        "terminated": {"exitCode": code, "reason": reason, "message": text, "startedAt": STARTED, "finishedAt": ENDED}
    }


def told(reason: str, code: int | None = 1) -> dict[str, Any]:
    return {
        "exit_code": code,
        "reason": reason,
        "detail": f"words. Last line: {reason}",
        "started_at": 5.5,
        "ended_at": 7.5,
        "outputs": {},
    }


RUNNING = {"running": {"startedAt": STARTED}}
WAITING = {"waiting": {"reason": "PodInitializing"}}


@pytest.mark.parametrize(
    ("broken", "reason", "code"),
    [
        (pod(over(3, told("Exit", 3)), phase="Failed"), "Exit", 3),
        (pod(over(137, told("OutOfMemory", 137)), phase="Failed"), "OutOfMemory", 137),
        (pod(over(137, "", "OOMKilled"), phase="Failed"), "OutOfMemory", 137),
        (pod(over(1, told("DiskFull")), phase="Failed"), "DiskFull", 1),
        (pod(over(1, told("Lost", 0)), phase="Failed"), "Lost", 0),
        (pod(over(143, told("Terminated")), phase="Failed"), "Evicted", None),
        (pod(over(137), phase="Failed", reason="Evicted", message="low on memory"), "Evicted", None),
        (pod(over(128, "exec: sh: not found", "StartError"), phase="Failed"), "NotStarted", 128),
        (pod(over(139), phase="Failed"), "Signal", 139),
        (pod(over(2, "no json"), phase="Failed"), "Exit", 2),
        (pod(fetch=over(1, told("NotStarted", None)), phase="Failed"), "NotStarted", None),
        (pod(fetch=over(137, "", "OOMKilled"), phase="Failed"), "OutOfMemory", 137),
        (pod(phase="Failed"), "Lost", None),
        (pod(phase="Failed", reason="NodeLost"), "NodeLost", None),
    ],
)  # fmt: skip
def test_a_failed_pod_says_why(broken: dict[str, Any], reason: str, code: int | None) -> None:
    status = reading(Seen(job(BACKOFF), [broken])).status
    assert (status.phase, status.reason, status.exit_code) == (JobPhase.FAILED, reason, code)
    assert status.detail


def test_a_failed_job_without_a_pod_is_lost() -> None:
    assert reading(Seen(job(BACKOFF))).status.reason == "Lost"


def test_the_deadline_is_a_timeout_that_ended_when_it_was_decided() -> None:
    target = {"type": "FailureTarget", "reason": "DeadlineExceeded", "lastTransitionTime": "2026-03-01T10:00:30Z"}
    status = reading(Seen(job(DEADLINE, target), [])).status
    assert (status.reason, status.exit_code) == ("Timeout", None)
    assert status.started_at is not None
    assert status.ended_at == status.started_at + 30


def test_success_has_the_runners_own_times() -> None:
    done = pod(over(0, told("", 0)), phase="Succeeded")
    status = reading(Seen(job(COMPLETE), [done])).status
    assert (status.phase, status.started_at, status.ended_at, status.exit_code) == (JobPhase.SUCCEEDED, 5.5, 7.5, 0)


def test_what_we_ended_stays_as_we_said_unless_it_was_complete() -> None:
    said = {"reason": "Cancelled", "detail": "The job was cancelled.", "at": 9.0}
    assert reading(Seen(job(ended=said))).status.reason == "Cancelled"
    assert reading(Seen(job(DEADLINE, ended=said))).status.reason == "Cancelled"
    assert reading(Seen(job(COMPLETE, ended=said))).status.phase is JobPhase.SUCCEEDED
    assert is_final(job(ended=said))


@pytest.mark.parametrize(
    ("seen", "phase", "reason"),
    [
        (Seen(job()), JobPhase.PENDING, "Pending"),
        (Seen(job(suspend=True)), JobPhase.PENDING, "Suspended"),
        (Seen(job(), [pod()]), JobPhase.PENDING, "Pending"),
        (Seen(job(), [pod(WAITING, RUNNING)]), JobPhase.PENDING, "Fetching"),
        (Seen(job(), [pod(RUNNING, over(0), "Running")]), JobPhase.RUNNING, ""),
        (Seen(job(), [pod(over(0), phase="Succeeded")]), JobPhase.RUNNING, ""),
    ],
)
def test_a_job_on_its_way(seen: Seen, phase: JobPhase, reason: str) -> None:
    found = reading(seen)
    assert (found.status.phase, found.status.reason, found.why) == (phase, reason, None)


def test_a_pod_that_no_node_can_take_ends_the_job() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
    waits = pod(conditions=[condition])
    assert needs_nodes(Seen(job(), [waits]))
    for nodes, certain in (([Resources(2000)], True), ([Resources(8000)], False)):
        found = reading(Seen(job(), [waits], nodes=nodes))
        assert found.status.reason == "Unschedulable"
        assert found.why is not None
        assert found.why.certain is certain


def test_an_image_that_cannot_be_pulled_twice_ends_the_job() -> None:
    waits = pod(WAITING, {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}})
    event = {"reason": "Failed", "message": 'Failed to pull image "x": connection refused', "count": 1}
    once, twice = reading(Seen(job(), [waits], [event])), reading(Seen(job(), [waits], [{**event, "count": 2}]))
    assert once.why is not None
    assert twice.why is not None
    assert (once.why.certain, twice.why.certain) == (False, True)
    assert "connection refused" in twice.status.detail


def test_a_pod_that_admission_refuses_ends_the_job() -> None:
    event = {"reason": "FailedCreate", "message": 'pods "a" is forbidden: violates PodSecurity "restricted:latest": x'}
    found = reading(Seen(job(), (), [event]))
    assert found.why is not None
    assert found.why.certain


def test_a_node_that_is_gone_ends_the_job() -> None:
    lost = pod(
        RUNNING,
        over(0),
        "Running",
        conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}],
    )
    lost["metadata"]["deletionTimestamp"] = ENDED
    found = reading(Seen(job(), [lost]))
    assert found.why is not None
    assert (found.why.reason, found.why.certain) == ("NodeLost", True)


def test_events_are_asked_for_only_when_they_could_say_something() -> None:
    assert needs_events(Seen(job(), [pod()]))
    assert needs_events(Seen(job()))
    assert not needs_events(Seen(job(), [pod(RUNNING)]))
    assert not needs_events(Seen(job(COMPLETE), [pod()]))


@pytest.mark.parametrize("text", ["", "plain words", "[1]", '{"reason": 1}', "null"])
def test_a_message_that_is_not_ours_is_told_as_it_is(text: str) -> None:
    assert read_message(pod(over(1, text))).reason == ""
