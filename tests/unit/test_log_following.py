"""Following a log: nothing is lost when a reading fails, and nothing that was written before the end is missed."""

from collections.abc import Callable, Iterator

import pytest

from landbridge.domain.errors import PermanentError, TargetUnavailableError
from landbridge.drivers import log_following
from landbridge.drivers.log_following import followed

CUT = TargetUnavailableError("No answer.", "Wait.")
WRONG = PermanentError("No.", "Mend it.")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, s; none takes any time."""
    made: list[float] = []
    monkeypatch.setattr("landbridge.drivers.log_following.time.sleep", made.append)
    return made


def readings(*parts: str | Exception) -> Callable[[], Iterator[str]]:
    """Each reading gives the lines of one part, or fails as it says."""
    left = iter(parts)

    def read() -> Iterator[str]:
        part = next(left)
        if isinstance(part, Exception):
            raise part
        yield from part

    return read


def test_without_follow_there_is_one_reading_and_the_end_is_not_asked_for(pauses: list[float]) -> None:
    assert list(followed(readings("ab", "c"), False, lambda: pytest.fail("asked"))) == ["a", "b"]
    assert pauses == []


def test_what_was_written_before_the_end_is_read_after_it_was_seen(pauses: list[float]) -> None:
    ends = iter([False, True])
    assert list(followed(readings("a", "b", "c"), True, lambda: next(ends))) == ["a", "b"]
    assert pauses == [log_following.POLL_SECONDS]


def test_a_reading_that_fails_at_the_end_is_made_again(pauses: list[float]) -> None:
    assert list(followed(readings(CUT, "a"), True, lambda: True)) == ["a"]


def test_pauses_grow_while_nothing_answers_and_are_short_again_afterwards(pauses: list[float]) -> None:
    ends = iter([False] * 6 + [True])
    list(followed(readings(CUT, CUT, CUT, CUT, CUT, "a", "b"), True, lambda: next(ends)))
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0, 0.5]


@pytest.mark.parametrize(("follow", "error"), [(False, CUT), (True, WRONG)])
def test_what_cannot_be_tried_again_is_raised(pauses: list[float], follow: bool, error: Exception) -> None:
    with pytest.raises(type(error)):
        list(followed(readings(error), follow, lambda: False))
