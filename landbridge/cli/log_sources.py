"""Where logs come from, as lines."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from landbridge.cli import show
from landbridge.cli.active import last_run
from landbridge.cli.asking import ask, given_inventory, home, scenario_word
from landbridge.client import Client, JsonObject, events_path, is_last
from landbridge.domain.errors import NotFoundError
from landbridge.domain.nearest import nearest
from landbridge.record import services_folder

POLL_SECONDS = 0.2


def job_lines(scenario: str, inventory: str, attempt: int, follow: bool, scoring: bool) -> Iterator[str]:
    from landbridge.domain.ledger import Kind
    from landbridge.operations.job_logs import job_log
    from landbridge.operations.locating import locate

    request = locate(home(), scenario_word(scenario), given_inventory(inventory))
    ref, lines = job_log(request, attempt, follow, Kind.SCORING if scoring else Kind.JOB)
    show.say(f"Job {ref.name} on {ref.target}:")
    return lines


def run_lines(scenario: str, follow: bool) -> Iterator[str]:
    """The steps of the scenario's last run, then what its process printed."""
    from landbridge.cli.progress import Steps, is_worth_a_line, plain_line

    name = str(ask("scenario", scenario=scenario_word(scenario))["name"])
    flow_run_id = last_run(name) or _last_recorded(name)
    if not flow_run_id:
        raise NotFoundError(f"No run of scenario {name!r} is known here.", "Run it: `landbridge run`.")
    events, steps = events_path(home(), flow_run_id), Steps()
    show.say(f"Run {flow_run_id}, {events.parent}:")
    for event in Client(home()).follow(flow_run_id) if follow else _written(events):
        row = steps.hear(event)
        if row is not None and is_worth_a_line(row.name, str(event["state"])):
            yield plain_line(row, str(event["state"]), str(event.get("text") or ""))
        if is_last(event):
            yield json.dumps({"report": event.get("report"), "error": event.get("error")})
    yield from _lines(events.parent / "process.log")


def service_lines(service: str, follow: bool) -> Iterator[str]:
    """The log of one service; `mlflow` means every registry's.

    Raises:
        NotFoundError: no service of that name has a log here.
    """
    prefix = {"mlflow": "registry"}.get(service, service)
    logs = sorted(services_folder(home()).glob("*.log"))
    wanted = [log for log in logs if log.stem == prefix or log.stem.startswith(f"{prefix}-")]
    if not wanted:
        names = [log.stem for log in logs]
        known = ", ".join(names) or "none yet"
        raise NotFoundError(
            f"No service {service!r} has a log here{nearest(service, names)}.", f"There are logs of: {known}."
        )
    for log in wanted:
        show.say(f"{log}:")
        yield from _lines(log)
    if follow:
        yield from _tail(wanted)


def _tail(logs: list[Path]) -> Iterator[str]:
    """What is added from now on, until Ctrl-C."""
    ends = {log: log.stat().st_size for log in logs}
    while True:
        for log, end in ends.items():
            with log.open("rb") as file:
                file.seek(end)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            ends[log] = end + len(whole)
            yield from whole.decode(errors="replace").splitlines()
        time.sleep(POLL_SECONDS)


def _lines(path: Path) -> Iterator[str]:
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from (line.rstrip("\n") for line in file)


def _written(events: Path) -> Iterator[JsonObject]:
    for line in _lines(events):
        if line.endswith("}"):  # the last one may be half written
            yield json.loads(line)


def _last_recorded(name: str) -> str:
    """With the host down: the newest run whose report names the scenario."""
    folder = Path(home()) / "runs"
    files = sorted(folder.glob("*/events.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        for event in _written(path):
            report = event.get("report")
            if isinstance(report, dict) and report.get("scenario") == name:
                return path.parent.name
    return ""
