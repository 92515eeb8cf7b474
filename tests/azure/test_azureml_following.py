"""All who follow jobs of one workspace in one process share its readings, and ask no faster than Azure lets them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from landbridge.domain.errors import TransientError
from landbridge.domain.values import JobPhase, JobRef
from landbridge.drivers.azureml.training_reading import AT_ONCE, PER_SECOND
from tests.azure.azure_jobs import AzureWorld, a_job, ground
from tests.azure.double.double import Double
from tests.services.hosts import until

JOBS = 20
SECONDS = 5.0
PAUSE_SECONDS = 0.25


@pytest.fixture
def aml(azure: Double, tmp_path: Path) -> AzureWorld:
    azure.seeds.kubernetes_compute("k8s")
    return ground(azure, tmp_path / "home", compute="k8s")


def follow(aml: AzureWorld, ref: JobRef, until: float) -> int:
    """Look at a job again and again, as a run does; returns how often."""
    target, looks = aml.connect(), 0
    while time.monotonic() < until:
        target.observe(ref)
        looks += 1
        time.sleep(PAUSE_SECONDS)
    return looks


@pytest.mark.timeout(180)
@pytest.mark.parametrize("phase", [JobPhase.PENDING, JobPhase.RUNNING])
def test_many_jobs_are_followed_at_azures_pace(
    aml: AzureWorld, azure: Double, phase: JobPhase, record_property: Callable[[str, object], None]
) -> None:
    if phase is JobPhase.PENDING:
        azure.full.add("k8s")
    refs = [aml.connect().submit(a_job("sleep 300", f"job-{number}")) for number in range(JOBS)]
    for ref in refs:
        aml.wait(ref, lambda status: status.phase is phase)
    before, began = len(azure.record.exchanges), time.monotonic()
    with ThreadPoolExecutor(JOBS) as pool:
        looks = sum(pool.map(lambda ref: follow(aml, ref, began + SECONDS), refs))
    seconds, requests = time.monotonic() - began, len(azure.record.exchanges) - before
    record_property("measured", f"{JOBS} jobs {phase}: {looks} looks, {requests} requests in {seconds:.1f} s")
    print(f"{JOBS} jobs {phase}: {looks} looks, {requests} requests in {seconds:.1f} s")  # noqa: T201 - a measurement
    assert requests <= AT_ONCE + PER_SECOND * seconds + 1


def test_those_who_follow_one_job_share_its_reading(aml: AzureWorld, azure: Double) -> None:
    azure.full.add("k8s")
    ref = aml.connect().submit(a_job("true"))
    slow = azure.faults.add("GET", "/jobs/job", delay_seconds=3)
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(aml.connect().observe, ref)
        until(lambda: slow.met == 1)
        before = len([*azure.record.asked("GET", "/jobs/job")])
        others = [pool.submit(aml.connect().observe, ref) for _ in range(9)]
        found = {item.result().phase for item in (first, *others)}
    assert found == {JobPhase.PENDING}
    assert len([*azure.record.asked("GET", "/jobs/job")]) - before <= 2  # the first's own, and one for all the others


def test_a_wait_that_azure_asks_of_one_is_waited_by_all(aml: AzureWorld, azure: Double) -> None:
    azure.full.add("k8s")
    one, other = (aml.connect().submit(a_job("true", name)) for name in ("one", "other"))
    throttled = azure.faults.add("GET", "/jobs/one", status=429, retry_after=3)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(aml.connect().observe, one)
        until(lambda: throttled.met == 1)
        began = time.monotonic()
        aml.connect().observe(other)
        assert time.monotonic() - began > 2
        assert first.result().phase is JobPhase.PENDING


def test_a_wait_too_long_to_be_slept_through_is_told_to_all_and_nobody_asks(aml: AzureWorld, azure: Double) -> None:
    azure.full.add("k8s")
    one, other = (aml.connect().submit(a_job("true", name)) for name in ("one", "other"))
    azure.faults.add("GET", "/jobs/one", status=429, retry_after=60)
    with pytest.raises(TransientError, match="asks to wait for 60 s"):
        aml.connect().observe(one)
    before = len(azure.record.exchanges)
    with pytest.raises(TransientError, match="asks to wait for"):
        aml.connect().observe(other)
    assert len(azure.record.exchanges) == before
