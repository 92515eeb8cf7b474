"""Runs that are going now, as the host tells."""

from collections.abc import Iterable
from typing import Any

from landbridge.cli.asking import ask, home, is_up, scenario_word
from landbridge.client import Client

NEWEST = 100


def active_runs(scenario: str = "") -> list[dict[str, Any]]:
    """Runs without an end, the newest first; of one scenario (its name) if given. Empty when the host is down."""
    if not is_up():
        return []
    runs: Iterable[dict[str, Any]] = Client(home()).runs(limit=NEWEST)
    return [run for run in runs if not run["final"] and run.get("started_at") and _is_of(run, scenario)]


def last_run(scenario: str) -> str:
    """The id of the newest run of a scenario, going or ended; "" when there is none."""
    if not is_up():
        return ""
    return next((str(run["flow_run_id"]) for run in Client(home()).runs(limit=NEWEST) if _is_of(run, scenario)), "")


def stop_runs(scenario: str) -> list[str]:
    """Stop every run of a scenario that is going; returns their ids."""
    name = str(ask("scenario", scenario=scenario_word(scenario))["name"])
    client = Client(home())
    stopped = [str(run["flow_run_id"]) for run in active_runs(name)]
    for flow_run_id in stopped:
        client.stop(flow_run_id)
    return stopped


def _is_of(run: dict[str, Any], scenario: str) -> bool:
    tags = run.get("tags")
    return not scenario or (isinstance(tags, list) and f"scenario:{scenario}" in tags)
