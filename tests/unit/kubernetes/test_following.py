"""Many jobs and endpoints followed in one process: what is asked of the API server, and what is told of it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from landbridge import drivers
from landbridge.domain.errors import NotFoundError, TargetUnavailableError
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.values import ColourPhase, JobPhase, JobRef, SiteKind

from .api_server import ApiServer, Object

POD_GI = {"requests": {"memory": "8Gi"}}
TOO_LITTLE = "0/1 nodes are available: 1 Insufficient memory."


@pytest.fixture
def inventory(api: ApiServer, tmp_path: Path) -> Inventory:
    options = {"kubeconfig": api.kubeconfig, "namespace": "team", "artifacts": "s3://none/none"}
    target = Target("rack", "onprem", "kubernetes", frozenset(Role), "rack", options)
    site = Site("onprem", SiteKind.ONPREM, f"{tmp_path}/models", f"{tmp_path}/cache", 0)
    return Inventory("test", f"{tmp_path}/i.yaml", str(tmp_path), {"onprem": site}, {"rack": target}, {})


@pytest.fixture
def training(inventory: Inventory) -> Any:
    return drivers.training_target(inventory.targets["rack"], inventory)


@pytest.fixture
def serving(inventory: Inventory) -> Any:
    return drivers.serving_target(inventory.targets["rack"], inventory)


def add_job(api: ApiServer, name: str, pod_status: Object | None = None) -> JobRef:
    """A job of ours with one pod, which runs unless `pod_status` says otherwise."""
    running = {
        "phase": "Running",
        "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": "2026-03-01T10:00:00Z"}}}],
    }
    api.put("jobs", {"metadata": {"name": name, "labels": {"landbridge.io/job": name}}, "spec": {}, "status": {}})
    labels = {"batch.kubernetes.io/job-name": name}
    spec = {"containers": [{"name": "main", "resources": POD_GI}]}
    api.put(
        "pods", {"metadata": {"name": f"{name}-x", "labels": labels}, "spec": spec, "status": pod_status or running}
    )
    return JobRef("rack", name)


def unscheduled() -> Object:
    reason = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": TOO_LITTLE}
    return {"phase": "Pending", "conditions": [reason]}


def add_node(api: ApiServer, memory: str) -> None:
    api.put("nodes", {"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "64", "memory": memory}}})


def test_requests_a_second_are_bounded_however_many_follow(api: ApiServer, training: Any) -> None:
    """Sixty followers that ask without a pause."""
    refs = [add_job(api, f"job-{number:03}") for number in range(60)]
    began = time.monotonic()
    over = threading.Event()

    def follow(ref: JobRef) -> int:
        reads = 0
        while not over.is_set():
            assert training.observe(ref).phase is JobPhase.RUNNING
            reads += 1
        return reads

    with ThreadPoolExecutor(len(refs)) as pool:
        following = [pool.submit(follow, ref) for ref in refs]
        threading.Timer(1.5, over.set).start()
        reads = [one.result() for one in following]
    spent = time.monotonic() - began
    assert min(reads) >= 1
    assert len(api.asked) <= 30 + 20 * spent + 1


def test_a_job_that_another_process_submits_or_ends_is_seen(api: ApiServer, training: Any) -> None:
    with pytest.raises(NotFoundError) as caught:
        training.observe(JobRef("rack", "late"))
    assert caught.value.hint
    ref = add_job(api, "late")
    assert training.observe(ref).phase is JobPhase.RUNNING
    api.objects["jobs"]["late"]["status"] = {
        "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]
    }
    assert training.observe(ref).reason == "Timeout"


def test_what_this_process_ends_is_seen_at_once_while_others_read(api: ApiServer, training: Any) -> None:
    refs = [add_job(api, f"job-{number}") for number in range(20)]
    over = threading.Event()

    def follow(ref: JobRef) -> None:
        while not over.is_set():
            training.observe(ref)

    def end(ref: JobRef) -> str:
        api.objects["pods"][f"{ref.name}-x"]["status"]["phase"] = "Failed"  # as a kubelet would, a moment later
        training.cancel(ref)
        return str(training.observe(ref).reason)

    with ThreadPoolExecutor(20) as pool:
        for ref in refs[:10]:
            pool.submit(follow, ref)
        assert list(pool.map(end, refs[10:])) == ["Cancelled"] * 10
        over.set()


def test_nothing_stays_of_a_failure(api: ApiServer, training: Any) -> None:
    """The API server restarts, a list expires between pages: the next reading is a new one."""
    ref = add_job(api, "a")
    api.fails = {"GET jobs": [503]}
    with pytest.raises(TargetUnavailableError):
        training.observe(ref)
    assert training.observe(ref).phase is JobPhase.RUNNING
    api.fails = {"GET pods": [410]}
    assert training.observe(ref).phase is JobPhase.RUNNING


def test_jobs_that_wait_for_room_read_the_nodes_once_for_all_and_rarely(api: ApiServer, training: Any) -> None:
    add_node(api, "16Gi")
    refs = [add_job(api, f"job-{number}", unscheduled()) for number in range(10)]
    for _ in range(3):
        with ThreadPoolExecutor(10) as pool:
            found = list(pool.map(training.observe, refs))
    assert {(status.phase, status.reason) for status in found} == {(JobPhase.PENDING, "Unschedulable")}
    assert api.count("GET nodes") == 1


def test_a_job_is_never_ended_by_what_the_nodes_had_a_while_ago(api: ApiServer, training: Any) -> None:
    add_node(api, "4Gi")
    assert training.observe(add_job(api, "early", unscheduled())).phase is JobPhase.FAILED
    add_node(api, "16Gi")
    assert training.observe(add_job(api, "late", unscheduled())).phase is JobPhase.PENDING


def test_events_of_each_job_are_its_own(api: ApiServer, training: Any) -> None:
    refs = [add_job(api, f"job-{number}", {"phase": "Pending"}) for number in range(3)]
    message = 'Error: secret "none" not found'
    api.put(
        "events",
        {"metadata": {"name": "e"}, "involvedObject": {"name": "job-1-x"}, "reason": "Failed", "message": message},
    )
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(training.observe, refs))
    assert [status.phase for status in found] == [JobPhase.PENDING, JobPhase.FAILED, JobPhase.PENDING]
    assert "not found" in found[1].detail


def add_endpoint(api: ApiServer, name: str, ready: str = "True") -> None:
    """One colour with one pod, and all the traffic."""
    labels = {"landbridge.io/endpoint": name, "landbridge.io/colour": "blue", "landbridge.io/generation": "1"}
    template = {"metadata": {"labels": labels}}
    api.put("deployments", {"metadata": {"name": f"{name}-blue", "labels": labels}, "spec": {"template": template}})
    api.put(
        "services",
        {"metadata": {"name": name, "labels": {"landbridge.io/endpoint": name}}, "spec": {"selector": labels}},
    )
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    api.put("pods", {"metadata": {"name": f"{name}-blue-x", "labels": labels}, "status": status, "spec": {}})


def test_endpoints_are_read_together_and_each_told_of_its_own(api: ApiServer, serving: Any) -> None:
    names = [f"endpoint-{number:02}" for number in range(60)]
    for number, name in enumerate(names):
        add_endpoint(api, name, "True" if number % 2 else "False")
    with ThreadPoolExecutor(60) as pool:
        found = list(pool.map(serving.observe, names))
    assert [status.endpoint for status in found] == names
    phases = [status.colours["blue"].phase for status in found]
    assert phases == [ColourPhase.PENDING, ColourPhase.READY] * 30
    assert len(api.asked) < 3 * len(names)
    assert serving.observe("nobody").colours == {}


def test_one_who_asks_without_a_pause_is_slowed_down(api: ApiServer, serving: Any) -> None:
    add_endpoint(api, "endpoint")
    began = time.monotonic()
    for _ in range(20):
        assert serving.observe("endpoint").traffic == {"blue": 100}
    assert len(api.asked) == 60
    assert len(api.asked) <= 30 + 20 * (time.monotonic() - began) + 1
