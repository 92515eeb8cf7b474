"""Which due runs start: missed ones of a schedule become one, one per scenario, never more than there is room for."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from landbridge.host.due import DueRun, choose

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(number: int, key: str = "", schedule: str = "") -> DueRun[int]:
    return DueRun(number, key, schedule, START + timedelta(minutes=number))


RUNS = st.lists(
    st.builds(run, st.integers(0, 99), st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["", "s", "t"])),
    unique_by=lambda one: one.id,
)


def test_of_the_missed_runs_of_a_schedule_only_the_last_runs() -> None:
    choice = choose([run(1, "a", "s"), run(3, "a", "s"), run(2, "a", "s")], [], 2)
    assert (choice.start, set(choice.skip)) == ((3,), {1, 2})


def test_what_somebody_asked_for_is_never_skipped() -> None:
    assert choose([run(1, "a"), run(2, "a")], [], 2).skip == ()


def test_the_longest_due_starts_first() -> None:
    assert choose([run(2, "b"), run(1, "a")], [], 1).start == (1,)


@given(RUNS, st.sets(st.sampled_from(["a", "b"])), st.integers(0, 3))
def test_no_key_goes_twice_and_no_place_is_used_twice(due: list[DueRun[int]], active: set[str], free: int) -> None:
    choice = choose(due, active, free)
    keys = [one.key for one in due if one.id in choice.start and one.key]
    assert len(choice.start) <= free
    assert len(set(keys)) == len(keys)
    assert not set(keys) & active


@given(RUNS, st.integers(0, 3))
def test_a_run_is_started_or_skipped_or_waits(due: list[DueRun[int]], free: int) -> None:
    choice = choose(due, [], free)
    assert not set(choice.start) & set(choice.skip)
    assert {*choice.start, *choice.skip} <= {one.id for one in due}
    assert len(due) == 0 or len(choice.skip) < len(due)
