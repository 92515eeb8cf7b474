"""What many threads want of a service at once is asked once for all of them, so that requests do not grow with their number.

Who comes first leads: it waits for the request under way, then asks for all who have come by then. So nothing is kept. Every
answer was read after it was asked for, and shows what was written before, by whomever; a lost connection, an expired list
or a restarted server leaves nothing to be brought up to date.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from landbridge.domain.errors import LandbridgeError

Value = TypeVar("Value")
Ask = Callable[[Sequence[str]], Mapping[str, Value]]

_SHARED: dict[tuple[Any, ...], Any] = {}


class Pace:
    """Lets requests through one after the other: `per_second`, and `at_once` after a while without any."""

    def __init__(self, per_second: float, at_once: int) -> None:
        self._seconds = 1 / per_second
        self._at_once = at_once
        self._next = 0.0  # when a request may come at the earliest, if none had been saved up

    def wait(self) -> None:
        """Return when it is the caller's turn. One caller at a time."""
        now = time.monotonic()
        self._next = max(self._next, now - self._at_once * self._seconds) + self._seconds
        time.sleep(max(0.0, self._next - now))


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Value]):
    """For whom is asked at once, and what came of it."""

    names: set[str] = field(default_factory=set)
    found: "Future[Mapping[str, Value]]" = field(default_factory=Future)


class Shared(Generic[Value]):
    """What several threads ask for by name, in turns. It holds locks: a forked process makes its own."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turn = Lock()  # held while one asks
        self._next: _Batch[Value] | None = None  # collects names until its turn comes

    def of(self, name: str, ask: Ask[Value]) -> Value | None:
        """What `ask` finds for `name`, None when it finds nothing; blocks for what is under way and its own.

        Args:
            ask: for several names at once. That of whoever leads is called; it never runs twice at a time.

        Raises:
            LandbridgeError: as `ask` does; all for whom it asked get the same.
        """
        while True:
            batch, leads = self._join(name)
            if leads:
                return self._led(batch, ask).get(name)
            try:
                return batch.found.result().get(name)
            except CancelledError:  # whoever led was stopped
                continue

    def _join(self, name: str) -> tuple[_Batch[Value], bool]:
        with self._lock:
            leads = self._next is None
            batch = self._next = self._next or _Batch()
            batch.names.add(name)
            return batch, leads

    def _led(self, batch: _Batch[Value], ask: Ask[Value]) -> Mapping[str, Value]:
        try:
            with self._turn:
                self._close(batch)
                found = ask(sorted(batch.names))
        except LandbridgeError as error:
            batch.found.set_exception(error)
            raise
        except BaseException:  # an interrupt, or a bug: it is ours alone, the others ask again
            self._close(batch)
            batch.found.cancel()
            raise
        batch.found.set_result(found)
        return found

    def _close(self, batch: _Batch[Value]) -> None:
        """Whoever comes from now on belongs to the next."""
        with self._lock:
            if self._next is batch:
                self._next = None


def the_one(make: Callable[[], Value], *place: object) -> Value:
    """What `make` makes, once for each place in this process."""
    made: Value = _SHARED.setdefault((os.getpid(), make, *place), make())
    return made
