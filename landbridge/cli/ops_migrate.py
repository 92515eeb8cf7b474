"""`ops migrate`: from what Azure Machine Learning gives up to what it has in its place."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import Output, OutputOption
from landbridge.domain.values import Json

if TYPE_CHECKING:
    from landbridge.operations.ops.migrating import Migration

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Ways from Azure ML's v1 to its v2.")


@app.callback()
def _group() -> None:
    """With one command, typer would leave its name out."""


@app.command()
def akscompute(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Exported web services, AKS endpoints and AksComputes; deployment and inference configurations of v1.",
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="FOLDER", help="Where to write.")],
    name: Annotated[str, typer.Option("--name", help="Name of the endpoint. Without it: v1's.")] = "",
    compute: Annotated[
        str, typer.Option("--compute", metavar="NAME", help="Name of the new compute. Without it: v1's with -k8s.")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write the v2 files of v1 web services and computes.

    Endpoint, deployments, environment and an adapter for the scoring script; for a compute the attach file and the
    order of the extension. MIGRATION.md accounts for every value: written, changed, without twin, unknown; it lists
    defaults that differ and what is still to do, and leads through the cut-over. Asks nobody.
    """
    from pathlib import Path

    from landbridge.cli import show
    from landbridge.domain.azure.v1.service import Wishes
    from landbridge.operations.ops.migrating import migrate

    folder = Path(to).expanduser()
    done = migrate([Path(file).expanduser() for file in files], folder, Wishes(name, compute), overwrite)
    if output is Output.JSON:
        show.print_json(_json(done, folder.absolute().as_posix()))
        return
    _print(done, str(folder))


def _json(done: "Migration", folder: str) -> dict[str, Json]:
    from landbridge.files.v1_report import defaults_of, steps_of
    from landbridge.operations.plain import as_json, as_object

    values: list[Json] = []
    for source in done.drafts.sources:
        for entry in source.entries:
            place = source.document.where(*entry.keys)
            values.append({"name": entry.name, "where": place, **_without_keys(as_object(entry))})
    return {
        "folder": folder,
        "files": [*done.files],
        "values": values,
        "defaults": as_json(defaults_of(done.drafts)),
        "todo": [*done.made.todo],
        "steps": as_json(steps_of(done.drafts)),
    }


def _without_keys(entry: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in entry.items() if key != "keys"}


def _print(done: "Migration", folder: str) -> None:
    from landbridge.cli import show
    from landbridge.domain.azure.v1.account import Outcome
    from landbridge.files.v1_report import NAME

    rows = []
    for source in done.drafts.sources:
        counts = Counter(entry.outcome for entry in source.entries)
        rows.append((source.path, *(str(counts[outcome]) for outcome in Outcome)))
    show.table(("values of", *(outcome.value for outcome in Outcome)), rows)
    told = [
        (source.document.where(*entry.keys), entry.name, entry.outcome.value, entry.target, entry.note)
        for source in done.drafts.sources
        for entry in source.entries
        if entry.outcome in (Outcome.CHANGED, Outcome.UNKNOWN)
    ]
    show.table(("where", "value", "", "v2", "note"), told, "Changed or unknown")
    if done.made.todo:
        show.heading("Still to do")
    for sentence in done.made.todo:
        show.line(f"  {sentence}")
    show.line(f"\nWrote {len(done.files)} files below {folder}. Read {folder}/{NAME} first.")
