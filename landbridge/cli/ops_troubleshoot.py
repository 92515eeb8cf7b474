"""`ops troubleshoot`: evidence around a failure, and the errors that it is."""

from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.ops import AzureTargetArgument, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.values import Json
    from landbridge.operations.ops.troubleshooting import Case


def troubleshoot(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: AzureTargetArgument,
    job: Annotated[
        str, typer.Option("--job", metavar="NAME", help="A job of the workspace that failed or waits.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="NAME", help="An online endpoint of the workspace.")
    ] = "",
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="One of its deployments. Without it: all of them.")
    ] = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Find out what went wrong.

    Collects what Azure says of the target's cluster, extension and compute, and of what is named; then names the errors,
    with cause and remedy, what is nearest to the ground first. Changes nothing. Exit code 1 when something is wrong.
    """
    from landbridge.cli import show
    from landbridge.cli.ops_shown import UNWELL
    from landbridge.domain.azure.troubleshooting import Subject
    from landbridge.operations.ops.troubleshooting import examine

    case = examine(where(inventory, target), Subject(job, endpoint, deployment))
    if output is Output.JSON:
        show.print_json(_json(target, case))
    else:
        _print(case)
    if not case.is_well:
        raise typer.Exit(UNWELL)


def _json(target: str, case: "Case") -> "dict[str, Json]":
    from landbridge.operations.plain import as_json, as_object

    errors: list[Json] = [{**as_object(item.fault), "source": item.source, "by": item.by} for item in case.errors]
    return {
        "target": target,
        "healthy": case.is_well,
        "evidence": [as_json(item) for item in case.evidence],
        "errors": errors,
    }


def _print(case: "Case") -> None:
    from landbridge.cli import show
    from landbridge.cli.ops_shown import WORDS

    rows = [(WORDS[item.verdict], item.source, item.said, item.remedy) for item in case.evidence]
    show.table(("", "what", "Azure says", "remedy"), rows)
    for item in case.errors:
        fault = item.fault
        show.heading(f"{fault.code} ({fault.where}; {fault.again})")
        show.line(f"  Seen in    {item.source}: {item.by}")
        show.line(f"  Cause      {fault.cause}")
        show.line(f"  To fix     {fault.fix}")
    if case.is_well:
        show.line("\nNothing is wrong as far as Azure tells.")
    elif not case.errors:
        show.line(
            "\nNo known error is in these words. Mend what they say; `landbridge ops doctor` looks at the pods' side."
        )
