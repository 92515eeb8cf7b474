"""A small load on endpoints, which counts what it was answered."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import httpx

from tests.e2e.tiny_story import BODY
from tests.services.hosts import until

PAUSE_SECONDS = 0.05  # between two requests to one endpoint: two sites make 40 a second


@dataclass
class Load:
    """What was asked and answered so far; every answer that is not a prediction is told in `failed`."""

    answers: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def ask_until(self, url: str, ended: Event) -> None:
        with httpx.Client(trust_env=False, timeout=10.0) as client:
            while not ended.wait(PAUSE_SECONDS):
                try:
                    answer = client.post(url, content=BODY, headers={"content-type": "application/json"})
                    answer.raise_for_status()
                    self.answers.append(answer.json()["predictions"][0])
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self.failed.append(f"{type(error).__name__}: {error}")


@contextmanager
def load_on(urls: Iterable[str]) -> Iterator[Load]:
    """Ask all `urls` all the time within the block, which begins when they answer."""
    load, ended = Load(), Event()
    threads = [Thread(target=load.ask_until, args=(url, ended), daemon=True) for url in urls]
    for thread in threads:
        thread.start()
    try:
        until(lambda: load.answers or load.failed)
        yield load
    finally:
        ended.set()
        for thread in threads:
            thread.join(20.0)
