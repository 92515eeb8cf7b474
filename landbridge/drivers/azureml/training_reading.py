"""Jobs as they are, read for all who follow one in this process; in a workspace so many requests a second, however many follow.

Each job is asked for by its name: Azure does not promise that a list of jobs shows what was written before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from landbridge.drivers.azureml.client import JOBS, Object, Workspace
from landbridge.drivers.azureml.training_state import FINAL, needs_run, status_of
from landbridge.drivers.sharing import Pace, Shared

Value = TypeVar("Value")

HISTORY = "history/v1.0"
PER_SECOND, AT_ONCE = 3.0, 30
"""Azure's management service lets an identity read 12,000 times an hour: 3.3 a second.

Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A job, its run (None = not begun, or not known yet), and what its compute says while it waits."""

    job: Object
    run: Mapping[str, Any] | None
    complaint: str


class JobReader:
    """Reads the jobs of one workspace."""

    def __init__(self) -> None:
        self._shared: dict[str, Shared[Any]] = {}
        self._begun: dict[str, Mapping[str, Any]] = {}
        self._pace, self._turn = Pace(PER_SECOND, AT_ONCE), Lock()

    def seen(self, workspace: Workspace, name: str, complaint: Callable[[Object], str]) -> Seen | None:
        """The job as it is now, None when it is not there. May wait: for its turn, or as long as Azure asked anybody to.

        Args:
            complaint: of the compute of a job that waits; "" = none.
        """

        def read() -> Seen | None:
            return self._read(workspace, name, complaint)

        return self._once(_key(name), read)

    def shared(self, workspace: Workspace, what: str, read: Callable[[], Value]) -> Value:
        """The same for anything else that many ask for: `what` names it."""

        def paced() -> Value:
            self._wait(workspace)
            return read()

        found: Value | None = self._once(what, paced)
        assert found is not None
        return found

    def _once(self, key: str, read: Callable[[], Value | None]) -> Value | None:
        shared: Shared[Value] = self._shared.setdefault(key, Shared())

        def ask(_names: object) -> Mapping[str, Value]:
            found = read()
            return {} if found is None else {key: found}

        return shared.of(key, ask)

    def _read(self, workspace: Workspace, name: str, complaint: Callable[[Object], str]) -> Seen | None:
        self._wait(workspace)
        job = workspace.find(f"jobs/{name}", JOBS, f"reading job {name!r}")
        if job is None:
            return None
        if status_of(job) in FINAL:
            self._shared.pop(_key(name), None)  # those who wait have it in their hands
        return Seen(job, self._run(workspace, job, name) if needs_run(job) else None, complaint(job))

    def _run(self, workspace: Workspace, job: Object, name: str) -> Mapping[str, Any] | None:
        """Of a job that goes on, when it began is all that counts, and that does not change."""
        if status_of(job) not in FINAL and name in self._begun:
            return self._begun[name]
        self._wait(workspace)
        run = read_run(workspace, name)
        self._begun.pop(name, None)
        if run and run.get("startTimeUtc") and status_of(job) not in FINAL:
            self._begun[name] = run
        return run

    def _wait(self, workspace: Workspace) -> None:
        with self._turn:
            self._pace.wait()
            workspace.quiet.heed()


def read_run(workspace: Workspace, name: str) -> Object | None:
    """The job's run; None while its history does not know it. At once, whoever else asks."""
    return workspace.find(workspace.regional(HISTORY, f"runs/{name}"), "", f"reading the run of job {name!r}")


def reader_of(workspace: Workspace) -> JobReader:
    """The one of this connection, and as long as it: a fork, or another workspace under the same names, has another."""
    with _LOCK:
        return _READERS.setdefault(workspace, JobReader())


_READERS: WeakKeyDictionary[Workspace, JobReader] = WeakKeyDictionary()
_LOCK = Lock()


def _key(name: str) -> str:
    return f"job {name}"
