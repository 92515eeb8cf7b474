"""Follow a log that is read again and again: a reading that fails costs a pause and no line."""

import time
from collections.abc import Callable, Iterator

from landbridge.domain.errors import TransientError

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


def followed(read: Callable[[], Iterator[str]], follow: bool, is_final: Callable[[], bool]) -> Iterator[str]:
    """Every line that `read` gives, one reading after another until the job is final; without `follow` one reading.

    Args:
        read: gives what is new since the reading before; it must remember what it gave, also when it fails half-way.
        is_final: asked before reading, so nothing comes after it.

    Raises:
        TransientError: without `follow`; else it is tried again, after 1 s and at most 5.
        PermanentError: at once.
    """
    pause = POLL_SECONDS
    while True:
        try:
            final = not follow or is_final()
            yield from read()
            pause = POLL_SECONDS
        except TransientError:
            if not follow:
                raise
            final, pause = False, min(pause * 2, LONGEST_PAUSE_SECONDS)
        if final:
            return
        time.sleep(pause)
