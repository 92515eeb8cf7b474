"""What generated pages share."""

import sys
from collections.abc import Callable
from pathlib import Path


def row(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"


def write_page(page: Callable[[], str], arguments: list[str], regenerate: str) -> None:
    """Write `page` into the file that `arguments` name. `regenerate`: the command that does it, for the error."""
    if len(arguments) != 1:
        sys.exit(f"Name the file to write. To fix: run `{regenerate}`.")
    Path(arguments[0]).write_text(page(), encoding="utf-8")
