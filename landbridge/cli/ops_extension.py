"""`ops extension`: the cluster extension of Azure Machine Learning."""

from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.azure.extension import Extension
    from landbridge.domain.azure.extension_plan import Plan, Row

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The cluster extension of Azure Machine Learning (AKS and Arc)."
)


@app.command()
def plan(
    file: Annotated[str, typer.Argument(help="The file that orders the extension.")],
    present: Annotated[
        str,
        typer.Option(
            "--present",
            metavar="FILE",
            help="The extension that is there, as `az k8s-extension show` prints it: plan the update from it.",
        ),
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Check every setting, and print the `az` command.

    Types, what is needed, what goes together, on AKS and Arc. Asks nobody and changes nothing. Protected settings are
    named by environment variables, which the command reads: no value is ever read or shown here.
    """
    from landbridge.cli import show
    from landbridge.domain.azure.extension_plan import shown
    from landbridge.operations.ops import extension
    from landbridge.operations.plain import as_object

    wanted, made = extension.plan(file, present)
    if output is Output.JSON:
        found = as_object(made)
        show.print_json({"extension": wanted.name, "cluster": wanted.cluster.name, **found, "az": shown(made.command)})
        return
    _print(wanted, made)


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
