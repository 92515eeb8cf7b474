"""Ask many who may not answer, within one deadline for all."""

import time
from collections.abc import Callable, Mapping
from threading import Thread
from typing import TypeVar

Answer = TypeVar("Answer")


def side_by_side(questions: Mapping[str, Callable[[], Answer]], seconds: float) -> dict[str, Answer]:
    """Name → answer. What has not come after `seconds`, or was raised, is missing."""
    found: dict[str, Answer] = {}

    def ask(name: str) -> None:
        found[name] = questions[name]()

    # daemons, no pool: a process that ends would wait for a pool's threads, however long a dead target or name takes
    threads = [Thread(target=ask, args=(name,), daemon=True, name=f"ask {name}") for name in questions]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(found)
