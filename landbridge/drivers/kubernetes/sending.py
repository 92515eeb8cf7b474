"""Whether a transfer can end in time, from how fast it went so far: told within seconds, not after the limit."""

import time
from collections.abc import Callable
from typing import Any

from landbridge.domain.errors import RefusedError

SURE_SECONDS = 5.0  # the first moments of a connection say little about it


class Sending:
    """Counts the bytes of one transfer; not for threads."""

    def __init__(self, total_bytes: int, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._limit, self._clock = total_bytes, limit_seconds, clock
        self._begun, self._sent = clock(), 0

    def sent(self, count: int) -> None:
        """Count bytes that have gone.

        Raises:
            RefusedError: at this speed all of them would take longer than the limit.
        """
        self._sent += count
        passed = self._clock() - self._begun
        if passed < SURE_SECONDS or not self._sent:
            return
        needed = passed * self._total / self._sent
        if needed > self._limit:
            speed = self._sent / passed / 1e6
            raise RefusedError(
                f"{self._total / 1e9:.1f} GB would take {needed / 60:.0f} min at the {speed:.1f} MB/s measured on the way; "
                f"a deployment has {self._limit / 60:.0f} min.",
                "Make the model smaller or the link faster, or bring the model there first and give its URL.",
            )


def progress(sending: Sending) -> Any:
    """`sending` as fsspec's transfers tell it; file systems that tell nothing are not held to it."""
    from fsspec.callbacks import Callback

    class Told(Callback):  # type: ignore[misc]
        def relative_update(self, inc: int = 1) -> None:
            super().relative_update(inc)
            sending.sent(inc)

    return Told()
