"""What a run reached, and where to look further."""

from collections.abc import Iterable, Mapping
from typing import Any

from landbridge.cli import show
from landbridge.cli.asking import home
from landbridge.cli.rows import cells, object_of, rows_of, text
from landbridge.domain.values import Json
from landbridge.record import read_record

SERVING = ("site", "endpoint URL", "colour", "state", "model version", "traffic", "answered", "failed")


def print_report(report: Mapping[str, Json], url: str) -> None:
    """The end of a run as a table; an empty report (the run was lost) still shows where to look."""
    rows = rows_of(report, "serving")
    if report:
        show.heading(f"{report['outcome']}: {report['text']} ({text(report['seconds'])} s)")
    print_serving(rows)
    show.line()
    for link in links(url, [str(row["endpoint"]) for row in rows]):
        show.line(f"  {link}")


def print_serving(rows: Iterable[Mapping[str, Any]], title: str = "") -> None:
    show.table(SERVING, [_serving_cells(row) for row in rows], title)


def links(url: str, endpoints: list[str]) -> list[str]:
    """How to look further."""
    record = read_record(home())
    registries: dict[str, Any] = object_of(record, "registries")
    found = [f"Prefect  {url or object_of(record, 'prefect').get('ui', '')}"]
    found += [f"MLflow   {row['url']}  (site {site})" for site, row in registries.items() if isinstance(row, dict)]
    found.append("landbridge status" + (f"; landbridge why {endpoints[0]}" if endpoints else ""))
    return found


def _serving_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["phase"] == "Unreachable":
        return (str(row["site"]), "", "", f"Unreachable: {row['reason']}", "", "", "", "")
    state = f"{row['phase']}: {row['reason']}" if row["reason"] else str(row["phase"])
    version = f"{row['model']} {row['version']}"
    return (
        *cells(row, "site", "url", "colour"),
        state,
        version,
        f"{row['traffic']} %",
        *cells(row, "answered", "failed"),
    )
