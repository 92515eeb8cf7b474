"""`status` and `releases`: what serves now, and what served."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from landbridge.cli.options import Output, OutputOption, SomeScenarioArgument


def status(scenario: SomeScenarioArgument = "", output: OutputOption = Output.TABLE) -> None:
    """Show services, what serves, active runs.

    For each scenario: what serves where with its traffic and requests, and its last release; and what operators said of
    targets.
    """
    from landbridge.cli import show
    from landbridge.cli.active import active_runs
    from landbridge.cli.asking import ask, scenario_word
    from landbridge.cli.host import host_now

    found = ask("status", scenario=scenario_word(scenario))
    whole: dict[str, Any] = {"host": host_now(), **found, "runs": [*active_runs()]}
    if output is Output.JSON:
        show.print_json(whole)
        return
    from landbridge.cli.status_tables import print_status

    print_status(whole)


def releases(
    of: Annotated[
        str,
        typer.Argument(metavar="[SCENARIO|ENDPOINT]", help="A scenario file, its name or its endpoint; all if absent."),
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many, the newest first.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the releases, the newest first.

    Which version went where, what started it, how it ended and why.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import ask, scenario_word
    from landbridge.cli.rows import rows_of

    found = ask("releases", of=scenario_word(of), limit=limit)
    if output is Output.JSON:
        show.print_json(found)
        return
    rows = [_release_cells(row) for row in rows_of(found, "releases")]
    columns = ("release", "scenario", "endpoint", "model version", "sites", "outcome", "trigger", "started", "reason")
    show.table(columns, rows)
    if not rows:
        show.line("No release yet.")


def _release_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    from landbridge.cli.rows import cells
    from landbridge.cli.show import moment

    sites = ", ".join(f"{site} ({colour})" for site, colour in row["colours"].items())
    version = f"{row['model']} {row['version']}"
    outcome = f"{row['outcome']} ({row['phase']})" if row["outcome"] == "Running" else str(row["outcome"])
    started = moment(row["started_at"])
    return (
        *cells(row, "key", "scenario", "endpoint"),
        version,
        sites,
        outcome,
        str(row["trigger"]),
        started,
        str(row["reason"]),
    )
