"""The directory of one job of the local driver: the only truth about it, readable by any process at any time.

    job.json     the whole job, as submitted; holds no secret
    start        what the runner needs, NUL-separated, so that it can do without JSON
    code/        the job's own copy of its code, and its working directory
    bin/         `python` and `python3`, only where the chosen interpreter's folder has none
    outputs/     one entry per output
    log          what the job printed, both streams
    runner.lock  locked while the runner lives
    pid          "<runner's pid> <start, Unix time>", written once, by the only runner there will ever be
    cancel       the wish to end it
    exit         how it ended; appears whole (a link), and the first one stays

The directory appears with a rename, complete: that is the claim. A lock tells whether the runner lives, not its pid and
start time: the kernel frees a lock with its holder, whereas a pid may be used again and a start time drifts.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from landbridge.domain.errors import CorruptError, InputError
from landbridge.domain.job import NOT_CODE
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Json, Resources
from landbridge.runner.job import EXPECTED_FOLDERS

LEGAL_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
START_DEADLINE_SECONDS = 5.0  # a claim older than this with no runner counts no more as using capacity
STALE_CLAIM_SECONDS = 3600.0
LEFT_BEHIND = shutil.ignore_patterns(*NOT_CODE)
FILE_OUTPUTS = frozenset({"uri_file"})


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """How a job ended; `reason` is "" when it succeeded."""

    reason: str
    detail: str
    exit_code: int | None = None
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Reads and writes one job directory. Raises OSError as it comes: the port translates."""

    path: Path

    def exists(self) -> bool:
        return (self.path / "job.json").exists()

    def claim(self, job: TrainingJob, start: "StartRecord") -> None:
        """Make the directory appear, complete. Does nothing when it is there already."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._sweep_stale_claims()
        draft = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        draft.mkdir()
        try:
            self._fill(draft, job, start)
            draft.rename(self.path)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not self.exists():
                raise

    def _fill(self, draft: Path, job: TrainingJob, start: "StartRecord") -> None:
        copy_code(job.code, draft / "code")
        for name in EXPECTED_FOLDERS:
            with suppress(FileExistsError):  # the code has a file of that name
                (draft / "code" / name).mkdir(exist_ok=True)
        (draft / "outputs").mkdir()
        for name, output in job.job.outputs.items():
            if output.type not in FILE_OUTPUTS:
                (draft / "outputs" / name).mkdir()
        if start.needs_bin:
            write_launchers(draft / "bin", start.python)
        (draft / "log").touch()
        (draft / "start").write_text(start.text(), encoding="utf-8")
        (draft / "job.json").write_text(json.dumps(plain(job), indent=1), encoding="utf-8")

    def _sweep_stale_claims(self) -> None:
        for draft in self.path.parent.glob(f".{self.path.name}.????????"):
            if time.time() - draft.stat().st_mtime > STALE_CLAIM_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)

    def runner(self) -> tuple[int, float] | None:
        """The runner's pid and the job's start (Unix time, s), or None before it started."""
        try:
            pid, started = (self.path / "pid").read_text(encoding="utf-8").split()
            return int(pid), float(started)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._corrupt("pid") from error

    def runner_lives(self) -> bool:
        """True while the runner holds its lock. Ask only after `runner` answered: asking may take the lock."""
        with (self.path / "runner.lock").open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def ending(self) -> ExitRecord | None:
        """How the job ended, or None while it has not."""
        try:
            record = json.loads((self.path / "exit").read_text(encoding="utf-8"))
            return ExitRecord(**{field.name: record.get(field.name) for field in fields(ExitRecord)})
        except FileNotFoundError:
            return None
        except (ValueError, AttributeError) as error:
            raise self._corrupt("exit") from error

    def end(self, record: ExitRecord) -> None:
        """Write how the job ended, unless that is written already."""
        draft = self.path / f"exit.{secrets.token_hex(4)}"
        draft.write_text(json.dumps(plain(record)), encoding="utf-8")
        try:
            os.link(draft, self.path / "exit")
        except FileExistsError:
            pass  # the first ending stays
        finally:
            draft.unlink()

    def outputs(self) -> dict[str, str]:
        """Output name → fsspec URL, for every output the job declared."""
        return {name: f"file://{self.path}/outputs/{name}" for name in self._submitted()[0]}

    def resources(self) -> Resources:
        """What the job asked for."""
        return self._submitted()[1]

    def uses_capacity(self) -> bool:
        """True while it runs, and for a moment after its claim."""
        if (self.path / "exit").exists():
            return False
        if self.runner() is not None:
            return self.runner_lives()
        return time.time() - (self.path / "job.json").stat().st_mtime < START_DEADLINE_SECONDS

    def _submitted(self) -> tuple[tuple[str, ...], Resources]:
        """The names of the outputs, and the resources, as submitted."""
        try:
            record = json.loads((self.path / "job.json").read_text(encoding="utf-8"))
            return tuple(record["job"]["outputs"]), Resources(**record["resources"])
        except (ValueError, TypeError, KeyError) as error:
            raise self._corrupt("job.json") from error

    def _corrupt(self, name: str) -> CorruptError:
        return CorruptError(
            f"The job record {self.path / name} cannot be read.", f"Delete {self.path}, then run the scenario again."
        )


@dataclass(frozen=True, slots=True)
class StartRecord:
    """What the runner is told: where, for how long (s, 0 = no limit), what, and which variables to add."""

    folder: Path
    timeout_seconds: float
    shell: str
    command: str
    python: Path
    variables: Mapping[str, str]

    @property
    def needs_bin(self) -> bool:
        return not (self.python.parent / "python").exists()

    def text(self) -> str:
        path = (
            f"{self.folder / 'bin' if self.needs_bin else self.python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        )
        variables = {"PATH": path, **self.variables}
        parts = [str(self.folder / "code"), str(self.timeout_seconds), self.shell, self.command]
        parts += [f"{name}={value}" for name, value in variables.items()]
        if any("\0" in part for part in parts):
            raise InputError("The job's command or variables hold a NUL character.", "Remove it.")
        return "\0".join(parts)


def folders(root: Path) -> Iterator[JobFolder]:
    """Every job under `root`, by name."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if LEGAL_NAME.fullmatch(path.name) and JobFolder(path).exists():
            yield JobFolder(path)


def copy_code(source: str, destination: Path) -> None:
    """Copy a folder or one file; a job without code gets an empty folder. Links are followed."""
    if source and Path(source).is_dir():
        shutil.copytree(source, destination, ignore=LEFT_BEHIND)
        return
    destination.mkdir()
    if source:
        shutil.copy2(source, destination)


def write_launchers(folder: Path, python: Path) -> None:
    """Put `python` first on PATH. Not by links: an interpreter finds its packages by the path it is called by."""
    folder.mkdir()
    for name in ("python", "python3"):
        launcher = folder / name
        launcher.write_text(f"#!/bin/sh\nexec '{python}' \"$@\"\n", encoding="utf-8")
        launcher.chmod(0o755)


def plain(value: object) -> Json:
    """The JSON form of a frozen value."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")
