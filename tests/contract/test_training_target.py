"""What every training target promises. A driver joins with one row in ROWS.

Tests of the port take `world` and run on every row; tests/cluster runs the same functions on a real cluster. What breaks
the files in which a row keeps its jobs takes `files`, and runs on rows that have such files.
"""

import errno
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from landbridge import drivers
from landbridge.domain.errors import (
    AuthError,
    CorruptError,
    InputError,
    LandbridgeError,
    NotFoundError,
    QuotaExceededError,
)
from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobOutput, JobResources
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, JobRef, JobStatus, Json, Resources
from landbridge.ports import CanListJobs, CanStreamLogs, RunsElsewhere, TrainingTarget

from .conftest import assert_same_signatures

HERE = ResolvedEnvironment("any", python="current")


@dataclass(frozen=True)
class Row:
    """One driver: its options and the command that makes each kind of job.

    Attributes:
        environment: what its jobs run in.
        keeps_files: its records are files below the home, which tests may break.
        poll_seconds, deadline_seconds: how often a test asks, and for how long.
        capacity: declared, where a driver cannot measure.
    """

    driver: str
    options: Mapping[str, Json] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    environment: ResolvedEnvironment = HERE
    keeps_files: bool = True
    poll_seconds: float = 0.01
    deadline_seconds: float = 20.0
    capacity: Resources = Resources()


COMMANDS = {
    "good": "echo one; echo two; echo model > ${{outputs.model}}/MLmodel",
    "fails": "echo bad luck; exit 3",
    "hangs": "echo started; sleep 60",
    "slow": "echo one; sleep 0.4; echo two",
    "writes": "echo plot > ./outputs/plot.txt && echo line > ./logs/line.txt && cat outputs/plot.txt logs/line.txt",
}
PLANS: dict[str, Json] = {
    "good*": {"log": ["one", "two"], "outputs": {"model": {"MLmodel": "model\n"}}},
    "fails*": {"exit_code": 3, "detail": "The job ended with exit code 3. Last line: bad luck", "log": ["bad luck"]},
    "hangs*": {"running_seconds": 60, "log": ["started"]},
    "slow*": {"running_seconds": 0.4, "log": ["one", "two"]},
    "writes*": {"log": ["plot", "line"]},
}
ROWS = [
    pytest.param(Row("local", commands=COMMANDS), id="local"),
    pytest.param(Row("memory", {"jobs": PLANS}, COMMANDS), id="memory"),
]


class World:
    """A target in a folder of its own; `connect` gives a new connection each time."""

    def __init__(self, row: Row, inventory: Inventory) -> None:
        self.row = row
        self.inventory = inventory
        self.target = next(iter(inventory.targets.values()))

    def connect(self) -> TrainingTarget:
        return drivers.training_target(self.target, self.inventory)

    def job(self, kind: str, name: str = "", **changes: object) -> TrainingJob:
        command = CommandJob(
            path="job.yaml",
            command=self.row.commands[kind],
            code="",
            environment=JobEnvironment("azureml:any:1"),
            outputs={"model": JobOutput("model")},
        )
        job = TrainingJob(
            name=name or kind,
            job=command,
            code="",
            inputs={},
            environment=self.row.environment,
            environment_variables={},
            timeout_seconds=60.0,
        )
        return replace(job, **changes)  # type: ignore[arg-type]

    def settle(self, ref: JobRef) -> JobStatus:
        """Wait until the job is final, on a connection of its own."""
        return self.wait(ref, lambda status: status.phase.is_final)

    def wait(self, ref: JobRef, done: Callable[[JobStatus], bool]) -> JobStatus:
        deadline = time.monotonic() + self.row.deadline_seconds
        target = self.connect()
        while time.monotonic() < deadline:
            status = target.observe(ref)
            if done(status):
                return status
            time.sleep(self.row.poll_seconds)
        raise AssertionError(f"still {status}")


@pytest.fixture(params=ROWS)
def world(request: pytest.FixtureRequest, make_inventory: Callable[..., Inventory]) -> Iterator[World]:
    yield from a_world(request.param, make_inventory)


@pytest.fixture(params=[row for row in ROWS if row.values[0].keeps_files])  # type: ignore[union-attr]
def files(request: pytest.FixtureRequest, make_inventory: Callable[..., Inventory]) -> Iterator[World]:
    yield from a_world(request.param, make_inventory)


def a_world(row: Row, make_inventory: Callable[..., Inventory]) -> Iterator[World]:
    """A world for one test; what still runs afterwards is ended."""
    target = Target("box", "onprem", row.driver, frozenset({Role.TRAIN}), "box", row.options, capacity=row.capacity)
    made = World(row, make_inventory(target))
    yield made
    connection = made.connect()
    assert isinstance(connection, CanListJobs)
    for ref in connection.jobs():
        try:
            connection.cancel(ref)
        except LandbridgeError:  # a test broke its record on purpose
            continue


def running(status: JobStatus) -> bool:
    return status.phase is JobPhase.RUNNING


def test_signatures_are_those_of_the_ports(world: World) -> None:
    for port in (TrainingTarget, CanStreamLogs, CanListJobs):
        assert isinstance(world.connect(), port)
        assert_same_signatures(port, type(world.connect()))
    if isinstance(world.connect(), RunsElsewhere):  # those of clusters and workspaces do
        assert_same_signatures(RunsElsewhere, type(world.connect()))


def test_a_good_job_succeeds_and_names_its_outputs(world: World) -> None:
    status = world.settle(world.connect().submit(world.job("good")))
    assert (status.phase, status.reason, status.exit_code) == (JobPhase.SUCCEEDED, "", 0)
    folder = Path(status.outputs["model"].removeprefix("file://"))
    assert (folder / "MLmodel").read_text() == "model\n"
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.started_at <= status.ended_at


def test_a_job_writes_into_the_folders_that_azure_ml_makes(world: World) -> None:
    """Published commands write to `./outputs` and `./logs` without making them."""
    ref = world.connect().submit(world.job("writes"))
    assert world.settle(ref).phase is JobPhase.SUCCEEDED
    assert list(world.connect().logs(ref, follow=False)) == ["plot", "line"]  # type: ignore[attr-defined]


def test_a_failed_job_says_why_with_its_last_line(world: World) -> None:
    status = world.settle(world.connect().submit(world.job("fails")))
    assert (status.phase, status.reason, status.exit_code) == (JobPhase.FAILED, "Exit", 3)
    assert "bad luck" in status.detail
    assert status.outputs == {}


def test_a_job_past_its_limit_fails_with_timeout(world: World) -> None:
    status = world.settle(world.connect().submit(world.job("hangs", timeout_seconds=0.3)))
    assert (status.phase, status.reason) == (JobPhase.FAILED, "Timeout")
    assert status.started_at is not None
    assert status.ended_at is not None
    assert status.ended_at - status.started_at < 3


def test_second_submit_returns_the_first_job(world: World) -> None:
    first = world.connect().submit(world.job("good"))
    assert world.connect().submit(world.job("fails", name="good")) == first
    assert world.settle(first).phase is JobPhase.SUCCEEDED
    assert world.connect().submit(world.job("good")) == first
    assert world.connect().observe(first).phase is JobPhase.SUCCEEDED


def test_many_submits_at_once_make_one_job(world: World) -> None:
    refs = {world.connect().submit(world.job("slow")) for _ in range(4)}
    assert len(refs) == 1
    ref = refs.pop()
    world.settle(ref)
    assert list(world.connect().logs(ref, follow=False)) == ["one", "two"]  # type: ignore[attr-defined]


def test_a_job_can_be_read_by_another_process(world: World) -> None:
    ref = world.connect().submit(world.job("good"))
    world.settle(ref)
    script = (
        "import pickle, sys; from landbridge import drivers\n"
        "target, inventory, ref = pickle.loads(sys.stdin.buffer.read())\n"
        "print(drivers.training_target(target, inventory).observe(ref).phase.value)"
    )
    given = pickle.dumps((world.target, world.inventory, ref))
    answer = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "Succeeded"


def test_cancel_ends_a_running_job_and_keeps_its_record(world: World) -> None:
    ref = world.connect().submit(world.job("hangs"))
    world.wait(ref, running)
    world.connect().cancel(ref)
    status = world.connect().observe(ref)
    assert (status.phase, status.reason) == (JobPhase.FAILED, "Cancelled")
    world.connect().cancel(ref)
    assert world.connect().observe(ref) == status
    assert world.connect().submit(world.job("hangs")) == ref
    assert world.connect().observe(ref) == status


def test_cancel_is_silent_when_the_job_is_gone(world: World) -> None:
    world.connect().cancel(JobRef("box", "never-submitted"))


def test_cancel_of_a_finished_job_changes_nothing(world: World) -> None:
    ref = world.connect().submit(world.job("good"))
    status = world.settle(ref)
    world.connect().cancel(ref)
    assert world.connect().observe(ref) == status


def test_an_unknown_job_names_a_remedy(world: World) -> None:
    for ask in (
        lambda: world.connect().observe(JobRef("box", "never-submitted")),
        lambda: list(world.connect().logs(JobRef("box", "never-submitted"), follow=True)),  # type: ignore[attr-defined]
    ):
        with pytest.raises(NotFoundError) as caught:
            ask()
        assert caught.value.hint


@pytest.mark.parametrize("name", ["../out", "Big", "", "a" * 64, "a/b", "-a"])
def test_an_illegal_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(InputError):
        world.connect().submit(replace(world.job("good"), name=name))


def test_logs_follow_until_the_job_is_final(world: World) -> None:
    ref = world.connect().submit(world.job("slow"))
    lines = list(world.connect().logs(ref, follow=True))  # type: ignore[attr-defined]
    assert lines == ["one", "two"]
    assert world.connect().observe(ref).phase is JobPhase.SUCCEEDED


def test_all_jobs_are_listed(world: World) -> None:
    refs = {world.connect().submit(world.job("good", name=name)) for name in ("a", "b-1")}
    assert set(world.connect().jobs()) == refs  # type: ignore[attr-defined]


def test_capacity_falls_by_what_runs_and_comes_back(world: World) -> None:
    free = sum_free(world)
    ask = Resources(cpu_millicores=500, memory_bytes=1 << 20)
    ref = world.connect().submit(world.job("hangs", resources=ask))
    world.wait(ref, running)
    assert free - sum_free(world) == ask
    world.connect().cancel(ref)
    assert sum_free(world) == free


def sum_free(world: World) -> Resources:
    capacity = world.connect().capacity()
    assert capacity.reachable
    return sum((node.free for node in capacity.nodes), Resources())


def test_capacity_of_a_target_that_cannot_be_asked_is_an_answer(files: World) -> None:
    ref = files.connect().submit(files.job("hangs"))
    for path in Path(files.inventory.home).rglob("*.json"):
        path.write_text("{ broken")
    capacity = files.connect().capacity()
    assert not capacity.reachable
    assert capacity.detail
    end_marked(Path(files.inventory.home), ref)


def end_marked(home: Path, ref: JobRef) -> None:
    """End the runner of a job whose record a test broke."""
    for path in home.rglob(f"{ref.name}/pid"):
        psutil.Process(int(path.read_text().split()[0])).terminate()


def test_a_broken_record_is_named_and_nothing_else_escapes(files: World) -> None:
    ref = files.connect().submit(files.job("good"))
    files.settle(ref)
    for path in Path(files.inventory.home).rglob("*.json"):
        path.write_text("{ broken")
    with pytest.raises(CorruptError) as caught:
        files.connect().observe(ref)
    assert caught.value.hint


def test_a_record_of_another_shape_is_named_too(files: World) -> None:
    ref = files.connect().submit(files.job("good"))
    files.settle(ref)
    for path in Path(files.inventory.home).rglob("*.json"):
        path.write_text("[1, 2]")
    with pytest.raises(CorruptError):
        files.connect().observe(ref)


def test_a_home_that_is_a_file_is_our_error(files: World, tmp_path: Path) -> None:
    (tmp_path / "sites").write_text("")
    with pytest.raises(LandbridgeError) as caught:
        files.connect().submit(files.job("good"))
    assert isinstance(caught.value.__cause__, OSError)


def test_a_home_without_rights_is_an_auth_error(files: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(AuthError):
        files.connect().submit(files.job("good"))


def test_a_full_disk_is_a_quota_error(files: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(QuotaExceededError):
        files.connect().submit(files.job("good"))
    monkeypatch.undo()
    assert files.settle(files.connect().submit(files.job("good"))).phase is JobPhase.SUCCEEDED


def test_findings_have_words_and_refusals_a_hint(world: World) -> None:
    job = world.job("good").job
    wild = replace(
        job,
        resources=JobResources(instance_count=4, docker_args=("--gpus=all",), shm_size="8g"),
        distribution={"type": "pytorch", "process_count_per_instance": 4},
        services={"jupyter": {"type": "jupyter_lab"}},
    )
    for finding in world.connect().findings(wild):
        assert finding.field
        assert finding.detail
        assert finding.kind is not FindingKind.REFUSED or finding.hint


def test_a_plain_job_is_not_refused(world: World) -> None:
    said = world.connect().findings(world.job("good").job)
    assert [finding for finding in said if finding.kind is FindingKind.REFUSED] == []


def test_no_secret_of_the_submitter_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_PASSWORD", "hunter2-very-secret")
    world.settle(world.connect().submit(world.job("good")))
    for path in Path(world.inventory.home).rglob("*"):
        assert not path.is_file() or "hunter2" not in path.read_text()


def test_records_are_json(files: World) -> None:
    files.settle(files.connect().submit(files.job("good")))
    records = list(Path(files.inventory.home).rglob("*.json"))
    assert records
    assert all(json.loads(path.read_text()) for path in records)
