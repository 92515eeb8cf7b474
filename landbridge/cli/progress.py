"""A run's events on the terminal: a live table, or plain lines where nobody watches."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from landbridge.client import JsonObject

if TYPE_CHECKING:
    from rich.console import RenderableType

SLOW = frozenset({"stage_data", "train", "shift_traffic", "replicate"})
MARKS = {"started": "…", "done": "✔", "failed": "✗", "info": "·"}


@dataclass(frozen=True, slots=True)
class Step:
    """One row: `since` and `until` are Unix times, s; `until` is None while it works."""

    name: str
    state: str
    text: str
    since: float
    until: float | None = None

    def seconds(self, now: float) -> float:
        return max(0.0, (self.until or now) - self.since)


class Steps:
    """The steps of a run so far, in the order in which they began."""

    def __init__(self) -> None:
        self._rows: dict[str, Step] = {}

    def rows(self) -> tuple[Step, ...]:
        return tuple(self._rows.values())

    def hear(self, event: JsonObject) -> Step | None:
        """Take in one event; returns the row it changed, or None when it is no step's."""
        name, state = str(event.get("step", "")), str(event.get("state", ""))
        if state not in MARKS or name == "run":
            return None
        at, text = float(str(event.get("at") or time.time())), str(event.get("text") or "")
        known = self._rows.get(name)
        if known is None or state == "started":  # a retried step starts again
            known = Step(name, state, text, at)
        ended = at if state in ("done", "failed") else None
        keeps = state == "info" and known.state in ("done", "failed")
        self._rows[name] = replace(
            known,
            state=known.state if keeps or (state == "info" and known.state == "started") else state,
            text=text or known.text,
            until=known.until if keeps else ended,
        )
        return self._rows[name]


def shown(events: Iterable[JsonObject], to_stderr: bool) -> Iterator[JsonObject]:
    """Pass the events on, showing each. Nothing is shown twice; the display is gone from the way at the end."""
    stream = sys.stderr if to_stderr else sys.stdout
    if stream.isatty():
        yield from _live(events, to_stderr)
    else:
        yield from _plain(events, stream)


def _plain(events: Iterable[JsonObject], stream: TextIO) -> Iterator[JsonObject]:
    steps = Steps()
    for event in events:
        row = steps.hear(event)
        if row is not None and is_worth_a_line(row.name, str(event.get("state"))):
            stream.write(f"{plain_line(row, str(event.get('state')), str(event.get('text') or ''))}\n")
            stream.flush()
        yield event


def is_worth_a_line(step: str, state: str) -> bool:
    """That a step began is news only where its end may be long in coming."""
    return state != "started" or step in SLOW


def plain_line(row: Step, state: str, text: str) -> str:
    """`train           done      12.3 s  job … succeeded`."""
    seconds = f"{row.seconds(row.until):.1f} s" if row.until is not None else ""
    return f"{row.name:<16}{state:<8}{seconds:>8}  {text}".rstrip()


def _live(events: Iterable[JsonObject], to_stderr: bool) -> Iterator[JsonObject]:
    from rich.console import Console
    from rich.live import Live

    steps = Steps()
    screen = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)
    with Live(get_renderable=lambda: _picture(steps), console=screen, refresh_per_second=8) as live:
        for event in events:
            steps.hear(event)
            live.refresh()
            yield event


def _picture(steps: Steps) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    colours = {"done": "green", "failed": "red", "started": "cyan"}
    for row in steps.rows():
        seconds = f"{row.seconds(time.time()):.1f} s" if row.state != "info" else ""
        mark = Text(MARKS[row.state], style=colours.get(row.state, ""))
        grid.add_row(
            mark, Text(row.name), Text(seconds, justify="right"), Text(row.text, style="dim", overflow="ellipsis")
        )
    return grid
