"""`ops explain`: what an error of Azure Machine Learning means, and what mends it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.azure.faults import Match


def explain(
    text: Annotated[
        str, typer.Argument(metavar="CODE_OR_TEXT", help="A code, a message, or `-` for a log on standard input.")
    ],
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what an error of Azure Machine Learning means.

    By its code or by what it says: cause, remedy, whether trying again helps, and where the same would fail again. All
    are in docs/reference/azure-errors.md.
    """
    from landbridge.cli import show
    from landbridge.domain.azure.faults import match
    from landbridge.operations.plain import as_object

    given = sys.stdin.read() if text == "-" else text
    found = match(given)
    if not found:
        raise _unknown(given)
    if output is Output.JSON:
        show.print_json({"errors": [{**as_object(item.fault), "by": item.by} for item in found]})
        return
    for item in found:
        _print(item)


def _print(item: "Match") -> None:
    from landbridge.cli import show

    fault = item.fault
    show.heading(f"{fault.code} ({fault.where}; {fault.again})")
    if item.by.lower() != fault.code.lower():
        show.line(f"  Said by    {item.by}")
    show.line(f"  Cause      {fault.cause}")
    show.line(f"  To fix     {fault.fix}")
    show.line(f"  Avoid      {fault.avoid}")


def _unknown(given: str) -> Exception:
    from landbridge.domain.azure.faults import nearest_code
    from landbridge.domain.errors import NotFoundError

    if len(given.split()) == 1:
        message = f"No error {given.strip()!r} is known{nearest_code(given.strip())}."
    else:
        message = "Nothing in this text is a known error of Azure Machine Learning."
    return NotFoundError(
        message, "Give the code or the sentence of the error; docs/reference/azure-errors.md lists all."
    )
