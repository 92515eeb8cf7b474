"""Start the runner of a job, and end what is left of a job whose runner cannot."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import landbridge
from landbridge.domain.errors import TargetUnavailableError

if TYPE_CHECKING:
    import psutil

RUNNER = Path(landbridge.__file__).parent / "runner" / "job.py"
MARKER = "LANDBRIDGE_JOB_DIRECTORY"  # as in landbridge/runner/job.py, which may import nothing of ours
START_SECONDS = 10.0
GONE_SECONDS = 2.0
# of landbridge or of another run: a job must not be mistaken for the process that submitted it
NOT_FOR_JOBS = (
    "PREFECT_",
    "LANDBRIDGE_",
    "AZUREML_",
    "PYTHONHOME",
    "PYTHONPATH",
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_",
)


def start_runner(folder: Path) -> None:
    """Start a runner in a session of its own and return when it no longer depends on us. Harmless when one runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_FOR_JOBS)}
    with (folder / "log").open("ab") as log:
        command = [sys.executable, "-I", "-S", str(RUNNER), str(folder)]
        try:
            subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                timeout=START_SECONDS,
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            raise TargetUnavailableError(
                f"The runner of job {folder.name!r} did not start: {error}.",
                f"Read {folder / 'log'}, then submit the job again.",
            ) from error


def end_processes(folder: Path, runner: int | None) -> None:
    """Kill every process of the job in `folder` and its `runner`, and wait until they are gone."""
    import psutil

    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        left = [process for process in psutil.process_iter() if _belongs(process, folder, runner)]
        if not left:
            return
        for process in left:
            _kill(process)
        psutil.wait_procs(left, timeout=0.2)


def _belongs(process: "psutil.Process", folder: Path, runner: int | None) -> bool:
    import psutil

    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.pid == runner:
            return str(RUNNER) in process.cmdline() and str(folder) in process.cmdline()
        return process.environ().get(MARKER) == str(folder)
    except psutil.Error:  # gone meanwhile, or another user's
        return False


def _kill(process: "psutil.Process") -> None:
    import psutil

    try:
        process.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return
