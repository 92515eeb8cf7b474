"""Waiting for what Azure makes, with a line now and then for whoever waits."""

import time
from collections.abc import Callable

from landbridge.domain.errors import TargetUnavailableError
from landbridge.domain.operating import Waiting
from landbridge.drivers.azureml.client import Object, Tell

POLL_SECONDS = 2.0
TELL_SECONDS = 10.0


def telling(waiting: Waiting, doing: str) -> Tell:
    """Tells at once, and then at most every TELL_SECONDS."""
    told = -TELL_SECONDS

    def tell(seconds: float) -> None:
        nonlocal told
        if seconds - told >= TELL_SECONDS:
            told = seconds
            waiting.tell(f"{doing[0].upper()}{doing[1:]}{f' ({seconds:.0f} s)' if seconds >= 1 else ''} …")

    return tell


def until(
    read: Callable[[], Object | None], is_done: Callable[[Object | None], bool], waiting: Waiting, doing: str
) -> None:
    """Read until it is done.

    Raises:
        TargetUnavailableError: it is not within the time.
    """
    began, tell = time.monotonic(), telling(waiting, doing)
    while not is_done(read()):
        seconds = time.monotonic() - began
        if seconds > waiting.seconds:
            raise TargetUnavailableError(
                f"{doing[0].upper()}{doing[1:]}: Azure has not ended it within {waiting.seconds:g} s.",
                "Wait: it goes on there. Run the same command again, which waits further, or look at it in the portal.",
            )
        tell(seconds)
        time.sleep(POLL_SECONDS)
