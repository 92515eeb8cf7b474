"""Killed, throttled, refused, cut off: whatever happens on the way to Azure, a name is one job, and no secret gets out."""

import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import AuthError, LandbridgeError, TargetUnavailableError, TransientError
from landbridge.domain.values import JobPhase
from tests.azure.azure_jobs import AzureWorld, a_job, data, ground, output
from tests.azure.double.double import Double

REQUESTS_OF_A_SUBMIT = 40  # more than there are


@pytest.fixture
def aml(azure: Double, tmp_path: Path) -> AzureWorld:
    azure.seeds.kubernetes_compute("k8s")
    return ground(azure, tmp_path / "home", compute="k8s")


def whole(code: Path, folder: Path, name: str = "job") -> Any:
    """A job that needs all that a job can need, in a folder that no other job has; it writes down each time it is started."""
    folder.mkdir()
    (folder / "a.csv").write_text(name)
    (code / "train.py").write_text(f"# {name}")
    return a_job(
        f"echo started >> {folder}/runs; cp ${{{{inputs.data}}}} ${{{{outputs.model}}}}/MLmodel",
        name,
        said={"inputs": data("uri_file"), "outputs": output()},
        code=str(code),
        inputs={"data": f"{folder}/a.csv"},
    )


def made(azure: Double, name: str = "job") -> int:
    """How many jobs of that name Azure began."""
    return len([one for one in azure.record.asked("PUT", f"/jobs/{name}") if one.status == 201])


@pytest.mark.timeout(300)
def test_killed_after_any_request_the_next_submit_makes_the_one_job(
    aml: AzureWorld, azure: Double, code: Path, tmp_path: Path
) -> None:
    """A child is killed once its n-th request was dealt with, before the answer; n counts up until a child survives."""
    for number in range(REQUESTS_OF_A_SUBMIT):
        name, folder = f"job-{number}", tmp_path / f"data-{number}"
        job = whole(code, folder, name)
        child = aml.elsewhere(job)
        fault = azure.faults.add("", "https://(management|.*blob)", skip=number, then=child.kill)
        _, err = child.communicate(timeout=60)
        azure.faults.faults.remove(fault)
        assert child.returncode in {0, -9}, err.decode()
        ref = aml.connect().submit(job)
        assert aml.settle(ref).phase is JobPhase.SUCCEEDED
        assert ((folder / "runs").read_text(), made(azure, name)) == ("started\n", 1)
        if child.returncode == 0:
            break
    assert 8 < number < REQUESTS_OF_A_SUBMIT - 1
    assert len(aml.connect().jobs()) == number + 1


@pytest.mark.parametrize(
    "fault",
    [
        {"lose": True},
        {"half": True},
        {"status": 500},
        {"status": 503},
        {"status": 429, "retry_after": 1},
        {"status": 409},
    ],
)
def test_one_fault_at_the_order_itself_makes_no_second_job(
    aml: AzureWorld, azure: Double, tmp_path: Path, fault: dict[str, Any]
) -> None:
    runs = tmp_path / "runs"
    job = a_job(f"echo started >> {runs}")
    azure.faults.add("PUT", "/jobs/job", **fault)
    try:
        ref = aml.connect().submit(job)
    except TransientError:
        ref = aml.connect().submit(job)
    assert aml.settle(ref).phase is JobPhase.SUCCEEDED
    assert runs.read_text() == "started\n"
    assert made(azure) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 401}, AuthError),
        ({"status": 403}, AuthError),
        ({"status": 412}, TransientError),
        ({"status": 500}, TargetUnavailableError),
        ({"status": 503}, TargetUnavailableError),
        ({"status": 429, "retry_after": 999}, TransientError),
    ],
)
def test_what_stays_broken_ends_the_submit_and_leaves_no_job(
    aml: AzureWorld, azure: Double, fault: dict[str, Any], kind: type[LandbridgeError]
) -> None:
    azure.faults.add("PUT", "/jobs/job", times=None, **fault)
    with pytest.raises(LandbridgeError) as caught:
        aml.connect().submit(a_job("true"))
    assert isinstance(caught.value, kind)
    assert caught.value.hint
    assert made(azure) == 0


def test_another_submit_that_was_quicker_is_the_job(aml: AzureWorld, azure: Double) -> None:
    """Between looking and ordering somebody made the job with another command: Azure refuses ours, and theirs counts."""
    azure.faults.add("PUT", "/jobs/job", skip=1, status=400, code="UserError", message="already exists", times=1)
    first = aml.connect().submit(a_job("echo first"))
    azure.faults.add("GET", "/jobs/job", status=404)
    assert aml.connect().submit(a_job("echo second")) == first
    aml.settle(first)
    assert list(aml.connect().logs(first, follow=False)) == ["first"]


def test_a_job_is_seen_through_faults_while_it_is_read(aml: AzureWorld, azure: Double) -> None:
    ref = aml.connect().submit(a_job("echo one; sleep 0.5; echo two", said={"outputs": output()}))
    azure.faults.add("GET", "/jobs/job", status=503, times=2)
    azure.faults.add("GET", "/runs/job", half=True)
    azure.faults.add("GET", "/runs/job/details", status=429, retry_after=1)
    azure.login.revoke()
    assert list(aml.connect().logs(ref, follow=True)) == ["one", "two"]
    assert aml.settle(ref).phase is JobPhase.SUCCEEDED


def test_a_log_is_followed_over_a_long_outage(aml: AzureWorld, azure: Double) -> None:
    ref = aml.connect().submit(a_job("echo one"))
    azure.faults.add("GET", "/runs/job/details", status=500, times=6)
    assert list(aml.connect().logs(ref, follow=True)) == ["one"]


def test_a_cancel_whose_operation_fails_says_so_and_may_be_repeated(aml: AzureWorld, azure: Double) -> None:
    ref = aml.connect().submit(a_job("sleep 60"))
    aml.wait(ref, lambda status: status.phase is JobPhase.RUNNING)
    azure.faults.add("POST", "/jobs/job/cancel", status=500, times=4)
    with pytest.raises(TransientError):
        aml.connect().cancel(ref)
    aml.connect().cancel(ref)
    assert aml.connect().observe(ref).reason == "Cancelled"


def test_a_job_that_ends_while_it_is_cancelled_is_no_error(aml: AzureWorld, azure: Double, tmp_path: Path) -> None:
    """The order comes too late, and Azure refuses it."""
    going = tmp_path / "going"
    ref = aml.connect().submit(a_job(f"until test -e {going}; do sleep 0.02; done"))
    aml.wait(ref, lambda status: status.phase is JobPhase.RUNNING)

    def end() -> None:
        going.touch()
        while azure.jobs.run("job").status != "Completed":
            time.sleep(0.01)

    azure.faults.add("POST", "/jobs/job/cancel", status=400, then=end)
    aml.connect().cancel(ref)
    assert aml.connect().observe(ref).phase is JobPhase.SUCCEEDED


def test_a_history_that_does_not_know_the_run_yet_is_waited_for(aml: AzureWorld, azure: Double) -> None:
    ref = aml.connect().submit(a_job("sleep 60"))
    azure.faults.add("GET", "/runs/job", status=404)
    assert aml.wait(ref, lambda status: status.phase is JobPhase.RUNNING).started_at is None
    assert aml.connect().observe(ref).started_at is not None
    aml.connect().cancel(ref)


def test_no_secret_is_sent_written_or_logged(
    aml: AzureWorld, azure: Double, code: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ref = aml.connect().submit(whole(code, tmp_path / "data"))
    aml.settle(ref)
    list(aml.connect().logs(ref, follow=False))
    azure.faults.add("GET", "/azureml-blobstore", status=403, times=None)
    (aml.connect()._jobs / "job" / "outputs" / "model" / "MLmodel").unlink()
    (aml.connect()._jobs / "job" / "outputs" / "model").rmdir()
    with pytest.raises(LandbridgeError) as caught:
        aml.connect().observe(ref)
    sent = json.dumps([one.sent for one in azure.record.exchanges if one.service == "management"])
    kept = "".join(path.read_text() for path in (tmp_path / "home").rglob("*") if path.is_file())
    for text in (sent, kept, caplog.text, str(caught.value)):
        assert azure.login.secret not in text
        assert azure.world.account_key not in text
        assert not re.search(r"sig=(?!REDACTED)", text)


def test_a_hanging_azure_ends_in_a_transient_error(
    aml: AzureWorld, azure: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    from landbridge.drivers.azureml import client

    defaults = client.Request.__init__.__defaults__
    assert defaults
    monkeypatch.setattr(client.Request.__init__, "__defaults__", (*defaults[:-2], 0.3, 1))
    azure.faults.add("GET", "/jobs/job", hang=True, times=None)
    began = time.monotonic()
    with pytest.raises(TargetUnavailableError):
        aml.connect().submit(a_job("true"))
    assert time.monotonic() - began < 10
