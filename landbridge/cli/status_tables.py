"""The answer of `landbridge status` as tables."""

from collections.abc import Mapping
from typing import Any

from landbridge.cli import show
from landbridge.cli.report import SERVING, print_serving
from landbridge.cli.rows import cells, object_of, rows_of

__all__ = ["SERVING", "print_status"]


def print_status(whole: Mapping[str, Any]) -> None:
    _print_host(whole["host"])
    scenarios = rows_of(whole, "scenarios")
    for scenario in scenarios:
        _print_scenario(scenario)
    if not scenarios:
        show.line("\nNo scenario was run here yet.")
    rows = [
        (*cells(run, "flow", "name", "state"), show.moment(run["started_at"]), str(run["url"])) for run in whole["runs"]
    ]
    show.table(("flow", "run", "state", "started", "Prefect"), rows, "Active runs")
    _print_said(object_of(whole, "operator_states"))


def _print_host(host: Mapping[str, Any]) -> None:
    show.line(
        f"landbridge is {host['state']} for {host['home']}" + (f": {host['problem']}" if host.get("problem") else "")
    )
    if host["state"] == "down":
        show.line("Start it with `landbridge up`; `landbridge run` does so by itself.")
        return
    rows = [
        (
            *cells(row, "name", "state", "url"),
            show.size(row["memory_bytes"]) if row.get("memory_bytes") else "",
            *cells(row, "restarts", "reason"),
        )
        for row in rows_of(host, "services")
    ]
    show.table(("service", "state", "URL", "memory", "restarts", "reason"), rows)
    problem = object_of(host, "watch").get("problem") or object_of(host, "flow_host").get("problem")
    if problem:
        show.line(f"Problem: {problem}")


def _print_scenario(row: Mapping[str, Any]) -> None:
    show.heading(f"{row['name']} ({row['pattern']}), endpoint {row['endpoint']}")
    if row["problem"]:
        show.line(f"Problem: {row['problem']}")
    print_serving(rows_of(row, "serving"))
    if not row["serving"] and not row["problem"]:
        show.line("Nothing serves yet.")
    last = object_of(row, "last_release")
    if last:
        reason = f": {last['reason']}" if last["reason"] else ""
        at = show.moment(last["updated_at"])
        show.line(
            f"Last release: {last['model']} {last['version']} {last['outcome']}{reason} ({last['trigger']}, {at})"
        )


def _print_said(said: Mapping[str, Any]) -> None:
    rows = [
        (target, state, str(item.get("value", "")) if state == "gpu" else "", str(item.get("reason", "")))
        for target, states in said.items()
        for state, item in states.items()
    ]
    show.table(("target", "is said to be", "value", "reason"), rows, "What operators said")
