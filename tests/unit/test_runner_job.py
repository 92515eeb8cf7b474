"""The local job's runner and record: what happens to a real process, and to a record that was left half done."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobOutput
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, JobRef, JobStatus
from landbridge.drivers.local import training
from landbridge.drivers.local.training import LocalTraining
from landbridge.drivers.local.training_processes import MARKER, start_runner
from landbridge.runner import job as runner

DEADLINE_SECONDS = 20.0


class Bench:
    """A local target in a folder of its own."""

    def __init__(self, home: Path) -> None:
        target = Target("box", "onprem", "local", frozenset({Role.TRAIN}), "box")
        self.inventory = Inventory("test", "inventory.yaml", str(home), {}, {"box": target}, {})
        self.target = LocalTraining(target, self.inventory)
        self.root = home / "sites" / "onprem" / "jobs" / "box"

    def job(self, command: str, name: str = "job", **changes: object) -> TrainingJob:
        written = CommandJob("job.yaml", command, "", JobEnvironment("any"), outputs={"model": JobOutput("model")})
        environment = ResolvedEnvironment("any", python="current")
        return replace(TrainingJob(name, written, "", {}, environment, {}, 60.0), **changes)  # type: ignore[arg-type]

    def submit(self, command: str, **changes: object) -> JobRef:
        return self.target.submit(self.job(command, **changes))  # type: ignore[arg-type]

    def run(self, command: str, **changes: object) -> JobStatus:
        return self.settle(self.submit(command, **changes))

    def settle(self, ref: JobRef) -> JobStatus:
        return self.wait(lambda: status if (status := self.target.observe(ref)).phase.is_final else None)

    def wait(self, ask: Callable[[], JobStatus | None]) -> JobStatus:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            if answer := ask():
                return answer
            time.sleep(0.01)
        raise AssertionError("nothing came of it")

    def log(self, name: str = "job") -> str:
        return (self.root / name / "log").read_text()

    def await_line(self, line: str, name: str = "job") -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while line not in self.log(name).splitlines():
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.01)

    def processes(self, name: str = "job") -> list[psutil.Process]:
        """Every process of the job, however it hides; its runner aside."""
        return [
            process for process in psutil.process_iter() if environment_of(process).get(MARKER) == str(self.root / name)
        ]

    def runner(self, name: str = "job") -> int:
        return int((self.root / name / "pid").read_text().split()[0])


def environment_of(process: psutil.Process) -> Mapping[str, str]:
    try:
        return process.environ() if process.status() != psutil.STATUS_ZOMBIE else {}
    except psutil.Error:
        return {}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home")
    yield made
    for ref in made.target.jobs():
        made.target.cancel(ref)


def test_a_killed_runner_is_lost_and_leaves_no_orphan(bench: Bench) -> None:
    ref = bench.submit("setsid sleep 61 & (sleep 62 &) ; echo up; sleep 63")
    bench.await_line("up")
    os.kill(bench.runner(), signal.SIGKILL)
    status = bench.settle(ref)
    assert (status.phase, status.reason) == (JobPhase.FAILED, "Lost")
    assert status.started_at is not None
    assert bench.processes() == []
    assert bench.target.observe(ref) == status


def test_what_a_finished_command_left_running_is_ended(bench: Bench) -> None:
    assert bench.run("setsid sleep 61 & sleep 62 & echo done").phase is JobPhase.SUCCEEDED
    assert bench.processes() == []


def test_a_job_outlives_its_submitter(bench: Bench, tmp_path: Path) -> None:
    script = (
        "import os, pickle, signal, sys; from landbridge import drivers\n"
        "inventory, job = pickle.loads(sys.stdin.buffer.read())\n"
        "drivers.training_target(inventory.targets['box'], inventory).submit(job)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    given = pickle.dumps((bench.inventory, bench.job("sleep 0.3; echo survived")))
    submitter = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, check=False)
    assert submitter.returncode == -signal.SIGKILL
    assert bench.settle(JobRef("box", "job")).phase is JobPhase.SUCCEEDED
    assert bench.log() == "survived\n"


def test_a_claim_whose_submitter_died_is_started_by_the_next_submit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "start_runner", lambda _folder: None)
        ref = bench.submit("echo hello")
    status = bench.target.observe(ref)
    assert (status.phase, status.reason) == (JobPhase.PENDING, "NotStarted")
    assert bench.submit("echo something else") == ref
    assert bench.settle(ref).phase is JobPhase.SUCCEEDED
    assert bench.log() == "hello\n"


def test_a_claim_that_was_cancelled_never_starts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "start_runner", lambda _folder: None)
        ref = bench.submit("echo hello")
    bench.target.cancel(ref)
    start_runner(bench.root / "job")
    assert bench.submit("echo hello") == ref
    assert bench.target.observe(ref).reason == "Cancelled"
    assert bench.log() == ""


def test_many_runners_run_the_job_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "start_runner", lambda _folder: None)
        ref = bench.submit("echo once; sleep 0.2")
    for _ in range(5):
        start_runner(bench.root / "job")
    bench.settle(ref)
    start_runner(bench.root / "job")
    assert bench.log() == "once\n"


def test_a_half_copied_claim_is_no_job(bench: Bench) -> None:
    draft = bench.root / ".job.0123abcd"
    draft.mkdir(parents=True)
    os.utime(draft, (1, 1))
    assert bench.target.jobs() == ()
    assert bench.run("true").phase is JobPhase.SUCCEEDED
    assert not draft.exists()


def test_a_signal_is_named(bench: Bench) -> None:
    status = bench.run("echo last words; kill -SEGV $$")
    assert (status.reason, status.exit_code) == ("Signal", -signal.SIGSEGV)
    assert "Segmentation fault" in status.detail
    assert "last words" in status.detail


def test_a_killed_child_of_the_shell_is_a_signal_too(bench: Bench) -> None:
    status = bench.run("bash -c 'kill -KILL $$'; exit $?")
    assert (status.reason, status.exit_code) == ("Signal", 137)
    assert "memory" in status.detail


@pytest.mark.parametrize(
    "command",
    [
        "ulimit -f 8; head -c 1000000 /dev/zero > big; exit $?",
        "ulimit -f 8; exec head -c 1000000 /dev/zero > big",
        "ulimit -f 8; python -c \"open('big', 'wb').write(b'x' * 1000000)\"",
        "echo 'OSError: [Errno 28] No space left on device'; exit 1",
    ],
)
def test_a_full_disk_is_named(bench: Bench, command: str) -> None:
    status = bench.run(command)
    assert (status.phase, status.reason) == (JobPhase.FAILED, "DiskFull")


def test_a_job_that_ignores_its_end_is_killed_after_the_grace(bench: Bench) -> None:
    before = time.monotonic()
    status = bench.run("trap '' TERM; while true; do sleep 0.1; done", timeout_seconds=0.2)
    assert status.reason == "Timeout"
    assert runner.GRACE_SECONDS <= time.monotonic() - before < runner.GRACE_SECONDS + 2
    assert bench.processes() == []


def test_a_timeout_reaches_the_children(bench: Bench) -> None:
    status = bench.run("sleep 61 & sleep 62 & wait", timeout_seconds=0.2)
    assert status.reason == "Timeout"
    assert bench.processes() == []


def test_a_job_may_end_itself_well_when_asked(bench: Bench) -> None:
    ref = bench.submit("trap 'echo saved; exit 0' TERM; echo up; sleep 61 & wait")
    bench.await_line("up")
    bench.target.cancel(ref)
    assert bench.target.observe(ref).reason == "Cancelled"
    assert "saved" in bench.log()


def test_a_frozen_runner_is_cancelled_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "CANCEL_SECONDS", 0.2)
    ref = bench.submit("echo up; sleep 61")
    bench.await_line("up")
    pid = bench.runner()
    os.kill(pid, signal.SIGSTOP)
    bench.target.cancel(ref)
    assert bench.target.observe(ref).reason == "Cancelled"
    assert bench.processes() == []
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_job_has_its_own_copy_of_the_code(bench: Bench, tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "package" / "__pycache__").mkdir(parents=True)
    (code / "train.py").write_text("print('trained'); open('left-behind', 'w').close()")
    (code / "package" / "__pycache__" / "x.pyc").write_text("")
    status = bench.run("python train.py; ls -R", code=str(code))
    assert status.phase is JobPhase.SUCCEEDED
    assert bench.log().startswith("trained\n")
    assert "__pycache__" not in bench.log()
    assert not (code / "left-behind").exists()


def test_code_may_be_one_file(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("print('trained')")
    bench.run("python train.py", code=str(script))
    assert bench.log() == "trained\n"


def test_python_is_the_chosen_interpreter(bench: Bench) -> None:
    bench.run('python -c "import sys; print(sys.prefix)"')
    assert bench.log().strip() == sys.prefix


def test_an_interpreter_of_another_name_is_called_python(bench: Bench, tmp_path: Path) -> None:
    odd = tmp_path / "odd python"
    odd.write_text('#!/bin/sh\necho "odd $@"\n')
    odd.chmod(0o755)
    bench.run("python train.py; python3 x", environment=ResolvedEnvironment("odd", python=str(odd)))
    assert bench.log() == "odd train.py\nodd x\n"


def test_an_interpreter_that_is_not_there_is_refused_before_anything_is_made(bench: Bench) -> None:
    with pytest.raises(InputError) as caught:
        bench.submit("true", environment=ResolvedEnvironment("gone", python="/nowhere/python"))
    assert "environments" in caught.value.hint
    assert bench.target.jobs() == ()


def test_an_image_is_refused(bench: Bench) -> None:
    with pytest.raises(CapabilityMissingError):
        bench.submit("true", environment=ResolvedEnvironment("image", image="python:3.11"))


def test_variables_are_given_and_those_of_the_submitter_are_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://submitter")
    monkeypatch.setenv("MLFLOW_RUN_ID", "of-the-submitter")
    monkeypatch.setenv("AZUREML_RUN_ID", "of-the-submitter")
    monkeypatch.setenv("STORE_PASSWORD", "inherited")
    given = {"AZUREML_RUN_ID": "mine", "EQUATION": "a=b=c", "MULTI": "one\ntwo"}
    bench.run("env -0 | tr '\\0' ';'", environment_variables=given)
    assert "AZUREML_RUN_ID=mine;" in bench.log()
    assert "EQUATION=a=b=c;" in bench.log()
    assert "MULTI=one\ntwo;" in bench.log()
    assert "STORE_PASSWORD=inherited;" in bench.log()
    assert "of-the-submitter" not in bench.log()
    assert "PREFECT_API_URL" not in bench.log()


def test_a_command_may_have_many_lines_and_any_letters(bench: Bench) -> None:
    bench.run("echo 'ä \"x\"' &&\n\necho $((1 + 1))\n")
    assert bench.log() == 'ä "x"\n2\n'


def test_a_nul_in_the_command_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError):
        bench.submit("echo \0")


def test_a_file_output_has_its_folder_and_no_file_yet(bench: Bench) -> None:
    job = bench.job("test ! -e ${{outputs.table}} && echo 1 > ${{outputs.table}}")
    outputs = {"table": JobOutput("table", "uri_file")}
    status = bench.settle(bench.target.submit(replace(job, job=replace(job.job, outputs=outputs))))
    assert Path(status.outputs["table"].removeprefix("file://")).read_text() == "1\n"


def test_a_job_reads_nothing_from_its_submitter(bench: Bench) -> None:
    assert bench.run("cat").phase is JobPhase.SUCCEEDED


def test_the_exit_record_has_its_room_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner.reserve_record()
    size = (tmp_path / "exit.new").stat().st_size
    runner.write_exit({"reason": "Exit", "detail": "x" * 300})
    assert (tmp_path / "exit").stat().st_size == size
    assert not (tmp_path / "exit.new").exists()


def test_the_first_ending_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exit").write_text("first")
    runner.reserve_record()
    runner.write_exit({"reason": "second"})
    assert (tmp_path / "exit").read_text() == "first"


def test_a_broken_pid_record_is_told(bench: Bench) -> None:
    ref = bench.submit("true")
    bench.settle(ref)
    (bench.root / "job" / "exit").unlink()
    (bench.root / "job" / "pid").write_text("what?")
    with pytest.raises(Exception, match=r"pid cannot be read.*Delete"):
        bench.target.observe(ref)
    (bench.root / "job" / "pid").write_text("1 1.0")
    assert bench.settle(ref).reason == "Lost"


def test_submit_and_observe_cost_little_over_a_plain_process(bench: Bench) -> None:
    """The budget is 60 ms; a shared machine gets four times that before this fails."""
    plain, ours = [], []
    for number in range(5):
        before = time.perf_counter()
        subprocess.run(["bash", "-c", "true"], check=True)
        plain.append(time.perf_counter() - before)
        before = time.perf_counter()
        bench.run("true", name=f"job-{number}")
        ours.append(time.perf_counter() - before)
    assert min(ours) - min(plain) < 0.24
