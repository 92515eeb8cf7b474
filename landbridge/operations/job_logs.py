"""The log of a scenario's training or scoring job, wherever it ran."""

from collections.abc import Iterator

from landbridge.domain.errors import CapabilityMissingError, NotFoundError
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.values import JobRef
from landbridge.operations import connections
from landbridge.operations.story import Request, load
from landbridge.ports import CanStreamLogs


def job_log(request: Request, attempt: int, follow: bool, kind: Kind = Kind.JOB) -> tuple[JobRef, Iterator[str]]:
    """The newest job of a scenario of `kind`, JOB or SCORING (or one attempt at it), and its log line by line.

    Raises:
        NotFoundError: no such job.
        CapabilityMissingError: its target cannot show logs.
    """
    scenario, inventory, _ = load(request)
    entries = connections.ledger(inventory.home).entries(kind, scenario.name)
    if not entries:
        what, command = ("scoring", "score") if kind is Kind.SCORING else ("training", "run")
        raise NotFoundError(
            f"No {what} job was run for scenario {scenario.name!r}.", f"Run it: `landbridge {command}`."
        )
    ref, way = _find(scenario.name, entries, attempt)
    target = connections.runner(inventory, ref.target, way)
    if not isinstance(target, CanStreamLogs):
        raise CapabilityMissingError(
            f"Target {ref.target!r} cannot show the log of job {ref.name!r}.", "Look at it with the target's own tools."
        )
    return ref, target.logs(ref, follow)


def _find(scenario: str, entries: tuple[Entry, ...], attempt: int) -> tuple[JobRef, str]:
    """The job, and the way that it came to its target."""
    newest = [entry for entry in entries if entry.run_key == entries[0].run_key]
    for entry in newest:
        if attempt in (0, entry.payload["attempt"]):
            ref = JobRef(str(entry.payload["target"]), str(entry.payload["name"]))
            return ref, str(entry.payload.get("way", ""))
    tries = ", ".join(sorted({str(entry.payload["attempt"]) for entry in newest}))
    raise NotFoundError(f"The last run of scenario {scenario!r} has no attempt {attempt}.", f"There are: {tries}.")
