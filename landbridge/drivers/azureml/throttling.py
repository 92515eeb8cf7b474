"""How long Azure asks to wait, and who waits."""

import math
import time

from landbridge.domain.errors import LandbridgeError, TransientError

LONGEST_WAIT_SECONDS = 30.0


class Quiet:
    """What Azure asked of one request, kept for all whose request can wait. Threads may share it."""

    def __init__(self) -> None:
        self._until = 0.0

    def ask(self, status: int, seconds: float) -> None:
        """Azure asked for it. Raises TransientError when that is too long to be slept through."""
        self._until = max(self._until, time.monotonic() + seconds)
        if seconds > LONGEST_WAIT_SECONDS:
            raise _too_long(f"answered HTTP {status} and asks", seconds)

    def heed(self) -> None:
        """Sleep for as long as Azure asked anybody to. Raises TransientError when that is too long."""
        wait = self._until - time.monotonic()
        if wait > LONGEST_WAIT_SECONDS:
            raise _too_long("asks", math.ceil(wait))
        time.sleep(max(0.0, wait))


def _too_long(said: str, seconds: float) -> LandbridgeError:
    return TransientError(f"Azure {said} to wait for {seconds:g} s.", f"Wait {seconds:g} s, then try again.")
