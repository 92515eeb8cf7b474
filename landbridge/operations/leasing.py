"""One writer per model: take its lease, wait for whoever holds it, and succeed a holder whose process is gone."""

import socket
import time
from collections.abc import Callable

from landbridge.domain.errors import BusyError
from landbridge.domain.ledger import Lease
from landbridge.domain.names import lease_name
from landbridge.operations import connections
from landbridge.operations.sites import registry_site
from landbridge.operations.story import Story

TTL_SECONDS = 30.0  # a run on another machine that dies holds up its successor this long
WAIT_SECONDS = 120.0  # a release takes seconds; whoever waits longer is told
POLL_SECONDS = 0.25
CLOCK_SECONDS = 1.0  # a start time is counted from the boot, whose time of day moves a little when the clock is set


def holder_name() -> str:
    """Names this process for ever: `host/pid/start time`."""
    import psutil

    process = psutil.Process()
    return f"{socket.gethostname()}/{process.pid}/{process.create_time():.2f}"


def take(story: Story, tell: Callable[[str], None], wait_seconds: float = WAIT_SECONDS) -> Lease:
    """Take the lease of the story's model. `tell` hears whom we wait for, once.

    Raises:
        BusyError: it was held all the time.
    """
    book = connections.ledger(story.inventory.home)
    name = lease_name("model", f"{registry_site(story)}/{story.scenario.model.name}")
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            return book.acquire(name, holder_name(), TTL_SECONDS)
        except BusyError as error:
            held = book.current(name)
            if held is not None and is_gone(held.holder):
                book.release(held)
                continue
            if time.monotonic() > deadline:
                raise
            if not told:
                tell(f"waiting: {error.message}")
                told = True
            time.sleep(POLL_SECONDS)


def is_gone(holder: str) -> bool:
    """Whether the holder was a process of this machine that does not run any more. Another machine's is never judged."""
    import psutil

    host, _, rest = holder.partition("/")
    pid, _, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        other = abs(process.create_time() - float(started)) > CLOCK_SECONDS
        return other or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
