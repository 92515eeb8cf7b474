"""Steady requests through a Gateway, at random over a few connections that stay open, as clients have them."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from landbridge.runner.model_server import COLOUR_HEADER

CONNECTIONS = 8


@dataclass
class Load:
    """What came back: moment of the answer (`time.monotonic`), status (0 = none), colour, and ms."""

    url: str
    body: str
    per_second: float
    connections: int = CONNECTIONS
    answers: list[tuple[float, int, str, float]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> list[tuple[float, int, str, float]]:
        return [answer for answer in self.answers if answer[1] != 200]

    def last_of(self, colour: str, since: float) -> float:
        """Seconds from `since` to the last answer of `colour`; 0 when there was none."""
        return max((at - since for at, _, who, _ in self.answers if who == colour and at >= since), default=0.0)

    def worst_ms(self) -> float:
        return max(answer[3] for answer in self.answers)

    def quantile_ms(self, part: float) -> float:
        times = sorted(answer[3] for answer in self.answers)
        return times[int(part * (len(times) - 1))]

    def _run(self) -> None:
        """One of the connections; which one sends next is chance, because each sleeps a random while."""
        chance = random.Random()
        with httpx.Client(verify=False, trust_env=False, timeout=10) as http:
            while not self._ended.wait(chance.expovariate(self.per_second / self.connections)):
                began = time.monotonic()
                try:
                    answer = http.post(self.url, content=self.body, headers={"content-type": "application/json"})
                    status, colour = answer.status_code, answer.headers.get(COLOUR_HEADER, "")
                except httpx.HTTPError as error:
                    status, colour = 0, repr(error)
                self.answers.append((time.monotonic(), status, colour, (time.monotonic() - began) * 1000))


@contextmanager
def under_load(url: str, body: str, per_second: float, connections: int = CONNECTIONS) -> Iterator[Load]:
    load = Load(url, body, per_second, connections)
    threads = [threading.Thread(target=load._run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load._ended.set()
        for thread in threads:
            thread.join()
