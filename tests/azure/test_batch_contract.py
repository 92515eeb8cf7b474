"""What a batch endpoint promises, kept by the azureml driver on a cluster of machines and on an attached Kubernetes cluster.

Both ways in which Azure may name a job: as the invocation asks, and by itself.
"""

from pathlib import Path

import pytest

from landbridge.domain.errors import CorruptError, NotFoundError
from landbridge.domain.values import JobPhase, JobRef
from landbridge.ports import CanBatchScore, CanStreamLogs
from tests.azure.batch import Bench, deployments, rows, scorings
from tests.azure.double.double import Double
from tests.contract.conftest import assert_same_signatures

pytestmark = pytest.mark.timeout(120, func_only=True)
GONE = JobRef("serving", "never-ordered")


@pytest.fixture(params=[pytest.param("machines", marks=pytest.mark.slow), "kubernetes, named by Azure"])
def bench(request: pytest.FixtureRequest, azure: Double, tmp_path: Path) -> Bench:
    if request.param == "machines":
        azure.seeds.managed_compute("cpu")
        return Bench(tmp_path, azure.places, (("compute", "cpu"),))
    azure.seeds.kubernetes_compute("k8s")
    azure.batch.names_jobs_itself = True
    return Bench(tmp_path, azure.places)


def test_signatures_are_those_of_the_ports(bench: Bench) -> None:
    for port in (CanBatchScore, CanStreamLogs):
        assert isinstance(bench.connect(), port)
        assert_same_signatures(port, type(bench.connect()))


def test_every_row_is_scored_and_names_its_file(bench: Bench) -> None:
    status = bench.settle(bench.connect().submit(bench.order()))
    assert (status.phase, status.reason) == (JobPhase.SUCCEEDED, "")
    assert [(float(line.split()[1]), line.split()[-1]) for line in rows(status)] == [
        (pytest.approx(2), "a.csv"),
        (pytest.approx(4), "a.csv"),
        (pytest.approx(6), "b.csv"),
    ]
    assert status.started_at is not None
    assert status.ended_at is not None


def test_a_single_file_is_scored(bench: Bench) -> None:
    order = bench.order(files={"a.csv": "x\n1.0\n"})
    single = bench.order("single", {"a.csv": "x\n1.0\n"}, is_file=True, data=f"{order.data}/a.csv")
    assert len(rows(bench.settle(bench.connect().submit(single)))) == 1


def test_a_second_submit_returns_the_first_job(azure: Double, bench: Bench) -> None:
    first = bench.connect().submit(bench.order())
    assert bench.connect().submit(bench.order(error_threshold=7)) == first
    assert bench.settle(first).phase is JobPhase.SUCCEEDED
    assert bench.connect().submit(bench.order()) == first
    assert len(scorings(azure)) == 1


def test_another_job_of_the_same_version_takes_the_same_deployment(azure: Double, bench: Bench) -> None:
    for name in ("one", "two"):
        assert bench.settle(bench.connect().submit(bench.order(name))).phase is JobPhase.SUCCEEDED
    assert len(scorings(azure)) == 2
    assert len(deployments(azure)) == 1


@pytest.mark.parametrize(
    ("threshold", "phase"), [(0, JobPhase.FAILED), (1, JobPhase.SUCCEEDED), (-1, JobPhase.SUCCEEDED)]
)
def test_failed_files_count_against_the_threshold(bench: Bench, threshold: int, phase: JobPhase) -> None:
    files = {"a.csv": "x\n1.0\n", "bad.csv": "y\nno number\n"}
    status = bench.settle(bench.connect().submit(bench.order(files=files, error_threshold=threshold)))
    assert status.phase is phase
    if phase is JobPhase.SUCCEEDED:
        assert [line.split()[-1] for line in rows(status)] == ["a.csv"]
    else:
        assert status.detail


def test_the_log_tells_what_the_job_said(bench: Bench) -> None:
    ref = bench.connect().submit(bench.order())
    bench.settle(ref)
    assert "2 files, 0 failed, 3 rows" in list(bench.connect().logs(ref, follow=True))


def test_a_cancelled_job_has_failed(azure: Double, bench: Bench) -> None:
    azure.full.update({"cpu", "k8s"})
    ref = bench.connect().submit(bench.order())
    bench.connect().cancel(ref)
    status = bench.connect().observe(ref)
    assert (status.phase, status.reason) == (JobPhase.FAILED, "Cancelled")
    bench.connect().cancel(ref)


def test_a_job_without_room_is_pending_so_that_its_time_does_not_run(azure: Double, bench: Bench) -> None:
    azure.full.update({"cpu", "k8s"})
    ref = bench.connect().submit(bench.order())
    status = bench.connect().observe(ref)
    assert (status.phase, status.reason) == (JobPhase.PENDING, "Queued")


def test_what_is_not_there_is_told_and_ends_silently(bench: Bench) -> None:
    bench.connect().cancel(GONE)
    with pytest.raises(NotFoundError) as caught:
        bench.connect().observe(GONE)
    assert caught.value.hint


def test_other_bytes_than_were_ordered_are_not_scored_with(azure: Double, bench: Bench) -> None:
    with pytest.raises(CorruptError, match="DigestMismatch"):
        bench.connect().submit(bench.order(model_digest=f"sha256:{'0' * 64}"))
    assert scorings(azure) == []


def test_foreseeing_changes_nothing(azure: Double, bench: Bench) -> None:
    assert bench.connect().foresee(bench.order()) == ()
    assert {one.method for one in azure.record.exchanges if one.service == "management"} == {"GET"}
