"""`new` and `validate`: scenario files, before anything runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption
from landbridge.domain.values import Json, Pattern

if TYPE_CHECKING:
    from landbridge.domain.errors import InputError


def new(
    name: Annotated[str, typer.Argument(help="Name of the scenario, its model and its endpoint.")],
    pattern: Annotated[Pattern, typer.Option("--pattern", "-p", help="Which of the five hybrid patterns.")],
    directory: Annotated[
        str, typer.Option("--dir", metavar="FOLDER", help="Where to write; default: a new folder NAME.")
    ] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a commented, valid scenario.

    It comes with its job, an inventory and a script that prepares data, and runs as it is.
    """
    from landbridge.cli import show
    from landbridge.domain.errors import InputError
    from landbridge.files.templates import new_scenario

    folder = Path(directory or name).expanduser()
    texts = new_scenario(pattern, name)
    there = [path for path in texts if (folder / path).exists()]
    if there:
        raise InputError(
            f"{folder / there[0]} exists already; nothing was written.", "Choose another name, or another --dir."
        )
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    if output is Output.JSON:
        show.print_json({"folder": str(folder.absolute()), "files": [*texts]})
        return
    show.line(f"Wrote {len(texts)} files into {folder}: {', '.join(texts)}.")
    show.line(f"Next: landbridge validate {folder / 'scenario.yaml'}")


def validate(
    file: Annotated[str, typer.Argument(help="A scenario, or one of the files named below.")],
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Check the files and name every fault.

    A scenario is checked together with its job and inventory; a job, an inventory, an extension, or an online or batch
    endpoint or deployment of Azure ML may also be given alone. Every fault is told with file and line. Exit code 2 when
    there is one.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import without_plugins
    from landbridge.cli.checking import check

    with without_plugins():
        checked, faults = check(Path(file).expanduser(), inventory)
    if output is Output.JSON:
        show.print_json({"valid": not faults, "files": [*checked], "problems": [_fault(fault) for fault in faults]})
    else:
        _tell(checked, faults)
    if faults:
        raise typer.Exit(faults[0].exit_code)


def _tell(checked: tuple[str, ...], faults: "tuple[InputError, ...]") -> None:
    from landbridge.cli import show, tell

    for fault in faults:
        tell(fault)
    if not faults:
        show.line(f"Valid: {', '.join(checked)}")


def _fault(fault: "InputError") -> Json:
    return {"where": fault.where, "message": fault.message.rstrip(), "hint": fault.hint}
