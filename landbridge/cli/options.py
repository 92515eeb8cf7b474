"""Arguments and options that several commands share: one name, one help text."""

from enum import StrEnum
from typing import Annotated

import typer


class Output(StrEnum):
    """How a command answers."""

    TABLE = "table"
    JSON = "json"


ScenarioArgument = Annotated[str, typer.Argument(help="A scenario file, or the name of a scenario that was run here.")]
SomeScenarioArgument = Annotated[
    str, typer.Argument(help="A scenario file, a scenario's name or its endpoint; all if absent.")
]
InventoryOption = Annotated[
    str,
    typer.Option(
        "--inventory",
        "-i",
        metavar="FILE",
        help="The inventory file. Without it: $LANDBRIDGE_INVENTORY, else the nearest inventory.yaml or "
        "inventories/local.yaml.",
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="A table for people, or JSON on standard output.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="inputs.NAME=VALUE", help="Replace a literal input of the job. May be repeated."),
]
DetachOption = Annotated[bool, typer.Option("--detach", help="Order the run and return; do not follow it.")]
