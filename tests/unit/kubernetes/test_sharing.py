"""Who asks for one thing among many shares the reading, and is never told of a time before it asked."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from landbridge.domain.errors import TargetUnavailableError
from landbridge.drivers.kubernetes.sharing import NAMES_IN_A_REQUEST, selectors
from landbridge.drivers.sharing import Pace, Shared, the_one

SECONDS = 10.0


class Source:
    """What is read: a value per name. The first reading waits until `go` is set; each one is written down."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.go = threading.Event()
        self.begun = threading.Event()
        self.readings: list[list[str]] = []
        self._alone = threading.Lock()

    def read(self, names: Sequence[str]) -> Mapping[str, int]:
        assert self._alone.acquire(blocking=False), "two readings at a time"
        try:
            self.readings.append(list(names))
            self.begun.set()
            assert self.go.wait(SECONDS)
            return {name: self.values[name] for name in names if name in self.values}
        finally:
            self._alone.release()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def shared() -> Shared[int]:
    return Shared()


def ask_meanwhile(
    pool: ThreadPoolExecutor, shared: Shared[int], read: Callable[[Sequence[str]], Mapping[str, int]], count: int
) -> list["Future[int | None]"]:
    """Let `count` others ask; returns once they all wait for the next reading."""
    asked = [pool.submit(shared.of, f"n{number}", read) for number in range(count)]
    deadline = time.monotonic() + SECONDS
    while shared._next is None or len(shared._next.names) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return asked


def test_all_who_ask_during_a_reading_share_the_next(source: Source, shared: Shared[int]) -> None:
    source.values = {f"n{number}": number for number in range(100)}
    with ThreadPoolExecutor(101) as pool:
        first = pool.submit(shared.of, "n7", source.read)
        assert source.begun.wait(SECONDS)
        others = ask_meanwhile(pool, shared, source.read, 100)
        source.go.set()
        assert first.result(SECONDS) == 7
        assert [other.result(SECONDS) for other in others] == list(range(100))
    assert source.readings == [["n7"], sorted(source.values)]


def test_an_answer_is_never_older_than_the_question(source: Source, shared: Shared[int]) -> None:
    source.go.set()

    def write_and_ask(name: str) -> None:
        for number in range(50):
            source.values[name] = number
            assert shared.of(name, source.read) == number

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write_and_ask, [f"n{number}" for number in range(20)]))


def test_what_is_not_there_is_none(source: Source, shared: Shared[int]) -> None:
    source.go.set()
    assert shared.of("nobody", source.read) is None


def test_those_who_shared_a_reading_share_its_failure_and_the_next_one_is_made_anew(
    source: Source, shared: Shared[int]
) -> None:
    def fails(_names: Sequence[str]) -> Mapping[str, int]:
        raise TargetUnavailableError("No answer.", "Wait.")

    source.values["n0"] = 1
    with ThreadPoolExecutor(4) as pool:
        pool.submit(shared.of, "n0", source.read)
        assert source.begun.wait(SECONDS)
        others = ask_meanwhile(pool, shared, fails, 3)
        source.go.set()
        for other in others:
            with pytest.raises(TargetUnavailableError):
                other.result(SECONDS)
    assert shared.of("n0", source.read) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, TypeError])
def test_an_interrupt_of_one_is_not_that_of_the_others(
    source: Source, shared: Shared[int], stop: type[BaseException]
) -> None:
    """Whoever leads may be stopped: a timeout of its task, an interrupt, a bug. The others read for themselves."""
    source.values = {"n0": 0, "n1": 1}
    stopped = threading.Event()

    def stops_once(names: Sequence[str]) -> Mapping[str, int]:
        if not stopped.is_set():
            stopped.set()
            raise stop
        return source.read(names)

    with ThreadPoolExecutor(3) as pool:
        pool.submit(shared.of, "n0", source.read)
        assert source.begun.wait(SECONDS)
        others = ask_meanwhile(pool, shared, stops_once, 2)
        source.go.set()
        ends = [other.exception(SECONDS) for other in others]
    assert sorted(type(end) for end in ends if end) == [stop]
    assert [other.result() for other, end in zip(others, ends, strict=True) if end is None] in ([0], [1])


def test_requests_never_come_faster_than_the_pace() -> None:
    pace = Pace(per_second=200, at_once=10)
    began = time.monotonic()
    for _ in range(50):
        pace.wait()
    assert time.monotonic() - began >= (50 - 10 - 1) / 200


def test_idle_time_saves_up_no_more_than_so_many_at_once() -> None:
    pace = Pace(per_second=1000, at_once=5)
    pace.wait()
    time.sleep(0.1)  # worth a hundred
    began = time.monotonic()
    for _ in range(45):
        pace.wait()
    assert time.monotonic() - began >= (45 - 5 - 1) / 1000


def test_selectors_take_in_every_name_once_and_stay_short() -> None:
    names = [f"{number:03}".rjust(63, "n") for number in range(2 * NAMES_IN_A_REQUEST + 1)]
    found = list(selectors("landbridge.io/job", names))
    assert len(found) == 3
    listed = [name for part in found for name in part.removeprefix("landbridge.io/job in (").rstrip(")").split(",")]
    assert listed == names
    assert max(len(part.replace(",", "%2C")) for part in found) < 3500
    assert list(selectors("landbridge.io/job", [])) == []


def test_a_place_has_one_and_a_forked_process_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one = the_one(Shared, "kubeconfig", "context", "team")
    assert the_one(Shared, "kubeconfig", "context", "team") is one
    assert the_one(Shared, "kubeconfig", "context", "other") is not one
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert the_one(Shared, "kubeconfig", "context", "team") is not one
