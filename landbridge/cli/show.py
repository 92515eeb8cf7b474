"""What reaches the terminal: JSON or tables on standard output, everything else on standard error."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from landbridge.domain.values import Json

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # no terminal to fit: wide enough for a URL beside a reason
LEAST_WIDTH = 32  # whole names, as long as Azure ML lets them be; a terminal too narrow wraps whole lines itself
COLUMN_GAP = 3
PATIENCE_SECONDS = 0.7  # a plan for which nobody is asked over a network is there by then

KEPT_WHOLE = frozenset({"endpoint URL", "URL", "Prefect", "host"})  # the other columns give way first: these are copied


def print_json(value: Json) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def say(text: str) -> None:
    """One line for people that is no data."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def waiting(words: str, seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Say on a terminal what is waited for, once it takes longer than `seconds`; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer

    timer = Timer(seconds, say, [words])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def line(text: str = "") -> None:
    """One line of the answer, never wrapped: it may be copied."""
    sys.stdout.write(f"{text}\n")


def heading(text: str) -> None:
    line()
    line(f"\033[1m{text}\033[0m" if _coloured() else text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table under its title; nothing when it has no rows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    filled = [tuple(row) for row in rows]
    if not filled:
        return
    if title:
        heading(title)
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    least = [_least_width(column, cells) for column, cells in zip(columns, zip(*filled, strict=True), strict=True)]
    for column, width in zip(columns, least, strict=True):
        made.add_column(column, overflow="fold", no_wrap=column in KEPT_WHOLE, min_width=width)
    for row in filled:
        made.add_row(*(Text(cell) for cell in row))
    sys.stdout.flush()
    _console(sum(least) + COLUMN_GAP * len(least)).print(made, crop=False)


def _console(least: int) -> "Console":
    """Standard output as rich's, at least so wide. A pipe has no width, whatever the environment says of some terminal."""
    from rich.console import Console, ConsoleDimensions

    made = Console(highlight=False, markup=False, emoji=False)
    width, height = made.size if sys.stdout.isatty() else (PIPE_WIDTH, 0)
    made.size = ConsoleDimensions(max(width, least), height)
    return made


def _least_width(column: str, cells: Sequence[str]) -> int:
    """All of it where it is to be copied, else the longest word, within reason."""
    if column in KEPT_WHOLE:
        return max(len(cell) for cell in (column, *cells))
    return min(LEAST_WIDTH, max(len(word) for cell in (column, *cells) for word in cell.split() or [""]))


def size(count: Json) -> str:
    """Bytes for people; "unknown" for None."""
    if not isinstance(count, int):
        return "unknown"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def moment(at: Json) -> str:
    """A Unix time as local time."""
    from datetime import datetime

    if not isinstance(at, int | float):
        return ""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
