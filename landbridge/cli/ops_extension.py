"""`ops extension`: the cluster extension of Azure Machine Learning."""

from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.ops import AzureTargetArgument, TimeoutOption, waiting, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.azure.extension import Extension
    from landbridge.domain.azure.extension_plan import Plan, Row
    from landbridge.domain.azure.extension_state import Installed
    from landbridge.domain.values import Json
    from landbridge.operations.ops.extension import Outcome

FileArgument = Annotated[str, typer.Argument(help="The file that orders the extension.")]

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The cluster extension of Azure Machine Learning (AKS and Arc)."
)


@app.command()
def plan(
    file: FileArgument,
    present: Annotated[
        str,
        typer.Option(
            "--present",
            metavar="FILE",
            help="The extension that is there, as `az k8s-extension show` prints it: plan the update from it.",
        ),
    ] = "",
    target: Annotated[
        str,
        typer.Option("--target", metavar="TARGET", help="Ask Azure what is on this target's cluster instead."),
    ] = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Check every setting, and print the `az` command.

    Types, what is needed, what goes together, on AKS and Arc. Changes nothing, and asks nobody without --target. Protected
    settings are named by environment variables, which the command reads: no value is ever read or shown here.
    """
    from landbridge.cli import show
    from landbridge.domain.azure.extension_plan import shown
    from landbridge.operations.ops import extension
    from landbridge.operations.plain import as_object

    if present and target:
        raise typer.BadParameter("give --present or --target, not both", param_hint="--present")
    wanted, made = extension.plan_for(where(inventory, target), file) if target else extension.plan(file, present)
    if output is Output.JSON:
        found = as_object(made)
        show.print_json({"extension": wanted.name, "cluster": wanted.cluster.name, **found, "az": shown(made.command)})
        return
    _print(wanted, made)


@app.command()
def install(
    target: AzureTargetArgument,
    file: FileArgument,
    timeout: TimeoutOption = 1800.0,
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Install what `plan` plans.

    Waits for the end, also of an operation that goes on already; may be repeated. On Arc the Azure Relay is made too. What
    is there and differs is left to `update`. A failure is told with its cause and what mends it.
    """
    from landbridge.operations.ops import extension

    _show(extension.install(where(inventory, target), file, waiting(timeout)), output)


@app.command()
def update(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: AzureTargetArgument,
    file: FileArgument,
    in_use: Annotated[
        bool, typer.Option("--in-use", help="Also change what harms jobs and endpoints that are there.")
    ] = False,
    timeout: TimeoutOption = 1800.0,
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Change what differs from the file.

    Settings are merged, protected settings replaced, as `plan --target` shows. Refuses what would harm jobs or endpoints of
    the workspace that are at work.
    """
    from landbridge.operations.ops import extension

    _show(extension.update(where(inventory, target), file, waiting(timeout), in_use), output)


@app.command()
def status(target: AzureTargetArgument, inventory: InventoryOption = "", output: OutputOption = Output.TABLE) -> None:
    """Show what is installed, and what is wrong with it.

    Version, state, settings, names of protected settings; Azure's words with cause and remedy. Exit code 1 when it is not
    well, 7 when it is not there.
    """
    from landbridge.cli import show
    from landbridge.cli.ops_shown import UNWELL
    from landbridge.domain.azure.extension_state import SUCCEEDED
    from landbridge.operations.ops import extension

    there = extension.status(where(inventory, target))
    if output is Output.JSON:
        show.print_json(_state(there))
    else:
        _print_state(there)
    if there.present.state != SUCCEEDED:
        raise typer.Exit(UNWELL)


@app.command()
def remove(
    target: AzureTargetArgument,
    attached: Annotated[bool, typer.Option("--attached", help="Also while computes of the workspace need it.")] = False,
    timeout: TimeoutOption = 1800.0,
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Remove the extension, and wait until it is gone.

    Takes about ten minutes. Refuses while computes of the workspace need it. May be repeated. The Azure Relay of an Arc
    cluster stays.
    """
    from landbridge.cli import show
    from landbridge.operations.ops import extension

    removed = extension.remove(where(inventory, target), waiting(timeout), attached)
    if output is Output.JSON:
        show.print_json({"target": target, "removed": removed})
        return
    show.line("Removed." if removed else "There was none: nothing to do.")


def _show(outcome: "Outcome", output: Output) -> None:
    from landbridge.cli import show
    from landbridge.operations.plain import as_object

    if output is Output.JSON:
        made = as_object(outcome.plan)
        show.print_json({
            "changed": outcome.changed, "verb": outcome.plan.verb, **_state(outcome.there), "plan": made
        })  # fmt: skip
        return
    there = outcome.there
    done = {"create": "Installed", "update": "Updated"}[outcome.plan.verb] if outcome.changed else "As ordered already"
    show.line(f"{done}: the extension {there.name} on {there.cluster}, version {there.present.version or 'not told'}.")
    rows = [_cells(row) for row in (*outcome.plan.settings, *outcome.plan.protected)] if outcome.changed else []
    show.table(("", "setting", "was", "is", "what"), rows, "Settings (protected values are never shown)")
    for note in outcome.plan.notes:
        show.line(f"  {note}")


def _state(there: "Installed") -> "dict[str, Json]":
    from landbridge.domain.azure.extension_state import explained
    from landbridge.operations.plain import as_json, as_object

    present = as_object(there.present)
    errors = [as_json(fault) for fault in explained(there.said)]
    return {"extension": there.name, "cluster": there.cluster, **present, "said": [*there.said], "errors": errors}


def _print_state(there: "Installed") -> None:
    from landbridge.cli import show
    from landbridge.domain.azure.extension_state import DERIVED, explained

    present = there.present
    version = f"version {present.version or 'not told'}, {'fixed' if present.pinned else 'upgraded automatically'}"
    show.line(f"The extension {there.name} on {there.cluster} is {present.state}, {version}.")
    written = sorted((name, value) for name, value in present.settings.items() if name not in DERIVED)
    show.table(("setting", "value"), written, "Settings (what Azure derives from them is left out)")
    show.table(("setting",), [(name,) for name in present.protected], "Protected settings (values are never shown)")
    for text in there.said:
        show.line(f"  {text}")
    rows = [(fault.code, fault.cause, fault.fix) for fault in explained(there.said)]
    show.table(("error", "cause", "remedy"), rows, "What it means")


def _print(wanted: "Extension", made: "Plan") -> None:
    from landbridge.cli import show
    from landbridge.domain.azure.extension_plan import shown
    from landbridge.domain.azure.settings import in_words

    what = f"{made.verb} the extension {wanted.name} on {wanted.cluster.kind} cluster {wanted.cluster.name}"
    show.line(f"Plan: {what}, for {in_words(wanted.features)}.")
    columns = ("", "setting", "now", "then", "what")
    show.table(columns, [_cells(row) for row in made.settings], "Settings")
    show.table(columns, [_cells(row) for row in made.protected], "Protected settings (values are never shown)")
    rows = [(item.kind, item.name, item.role) for item in made.parts]
    show.table(("kind", "name", "what"), rows, "Pods in namespace azureml")
    room = made.room
    show.line(
        f"\nRoom: requests {room.cpu_request}m CPU and {room.memory_request}Mi, limits {room.cpu_limit}m and "
        f"{room.memory_limit}Mi; at least {room.nodes} worker node(s) of {room.smallest}."
    )
    if made.notes:
        show.heading("Notes")
    for note in made.notes:
        show.line(f"  {note}")
    show.heading("Command" if made.command else "Nothing differs: no command is needed.")
    if made.command:
        show.line(shown(made.command))


def _cells(row: "Row") -> tuple[str, ...]:
    return (str(row.fate), row.name, row.now, row.then, row.note)
