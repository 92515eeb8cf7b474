"""A run's events on a terminal that nobody watches, and on one that somebody does."""

from collections.abc import Iterable

import pytest

from landbridge.cli import progress
from landbridge.client import JsonObject

EVENTS: list[JsonObject] = [
    {"at": 10.0, "step": "run", "state": "started", "text": "flow run x"},
    {"at": 10.0, "step": "plan", "state": "started", "text": ""},
    {"at": 10.5, "step": "plan", "state": "done", "text": "fine"},
    {"at": 11.0, "step": "train", "state": "started", "text": ""},
    {"at": 12.0, "step": "train", "state": "info", "text": "waiting"},
    {"at": 13.0, "step": "train", "state": "failed", "text": "no answer"},
    {"at": 14.0, "step": "train", "state": "started", "text": ""},
    {"at": 16.0, "step": "train", "state": "done", "text": "job x"},
    {"at": 16.1, "step": "run", "state": "finished", "text": "", "report": {}, "error": None},
]


def heard(events: Iterable[JsonObject]) -> progress.Steps:
    steps = progress.Steps()
    for event in events:
        steps.hear(event)
    return steps


def test_each_step_is_one_row_in_the_order_of_their_start() -> None:
    assert [row.name for row in heard(EVENTS).rows()] == ["plan", "train"]


def test_a_step_takes_from_its_start_to_its_end() -> None:
    assert heard(EVENTS).rows()[0].seconds(99.0) == 0.5


def test_a_step_that_works_takes_until_now() -> None:
    assert heard(EVENTS[:4]).rows()[1].seconds(21.0) == 10.0


def test_a_step_that_is_tried_again_counts_from_its_new_start() -> None:
    row = heard(EVENTS).rows()[1]
    assert (row.state, row.text, row.seconds(99.0)) == ("done", "job x", 2.0)


def test_news_of_a_step_does_not_end_it() -> None:
    row = heard(EVENTS[:5]).rows()[1]
    assert (row.state, row.text, row.until) == ("started", "waiting", None)


def test_news_after_its_end_does_not_begin_it_again() -> None:
    late: JsonObject = {"at": 20.0, "step": "train", "state": "info", "text": "by the way"}
    row = heard([*EVENTS, late]).rows()[1]
    assert (row.state, row.text, row.until) == ("done", "by the way", 16.0)


def test_where_nobody_watches_each_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.shown(EVENTS, to_stderr=False)) == EVENTS
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["plan", "done"],
        ["train", "started"],
        ["train", "info"],
        ["train", "failed"],
        ["train", "started"],
        ["train", "done"],
    ]
    assert lines[0].split() == ["plan", "done", "0.5", "s", "fine"]


def test_json_leaves_standard_output_to_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    list(progress.shown(EVENTS, to_stderr=True))
    said = capsys.readouterr()
    assert said.out == ""
    assert "train" in said.err
