"""The plan as tables."""

from collections.abc import Mapping
from typing import Any

from landbridge.cli import show
from landbridge.cli.rows import cells, object_of, rows_of, text
from landbridge.domain.values import Json


def print_plan(plan: Mapping[str, Json]) -> None:
    show.line(f"Plan of {plan['scenario']} ({plan['pattern']}), run key {plan['run_key']}")
    decision = object_of(plan, "decision")
    show.line(f"Decision: {'train' if decision['due'] else 'do not train'}: {decision['reason']}")
    print_placement(object_of(plan, "placement"))
    show.table(
        ("step", "where", "what"), [cells(row, "name", "where", "what") for row in rows_of(plan, "steps")], "Steps"
    )
    show.table(_MOVEMENT, [movement_cells(row) for row in rows_of(plan, "movements")], "Movements across site borders")
    show.table(
        ("field", "is", "detail", "remedy"),
        [cells(row, "field", "kind", "detail", "hint") for row in rows_of(plan, "findings")],
        "Findings of the drivers",
    )
    show.table(
        ("check", "passed", "detail", "remedy"),
        [cells(row, "name", "passed", "detail", "hint") for row in rows_of(plan, "checks")],
        "Checks",
    )
    _print_refusals(plan["refusals"])


def print_placement(placement: Mapping[str, Json]) -> None:
    rows = [
        (
            "✔" if row["chosen"] else "",
            *cells(row, "target", "site", "rule", "reason", "change"),
            text(row["cost_per_hour"]),
        )
        for row in rows_of(placement, "rulings")
    ]
    show.table(("chosen", "target", "site", "refused by", "reason", "smallest change", "cost/h"), rows, "Placement")
    if placement.get("spilled"):
        show.line(f"The preferred site was left because: {placement['spilled']}.")


def movement_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    allowed = "yes" if row["allowed"] else "REFUSED"
    return (
        *cells(row, "kind", "name", "from_site", "to_site"),
        show.size(row["size_bytes"]),
        allowed,
        text(row["rule"]),
    )


def _print_refusals(refusals: Json) -> None:
    if not isinstance(refusals, list) or not refusals:
        show.line("\nNothing stands in the way: `landbridge run` does this.")
        return
    show.heading("Refused: a run would change nothing")
    for sentence in refusals:
        show.line(f"  {sentence}")


_MOVEMENT = ("kind", "name", "from", "to", "size", "allowed", "rule")
