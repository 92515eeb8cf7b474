"""What counts as a real prediction."""

import pytest

from landbridge.operations.smoke import judge_answer

GOOD = [
    '{"predictions": [1.5]}',
    '{"predictions": [[0.1, 0.9]]}',
    '{"predictions": [{"label": "late", "score": 0.9}]}',
    '{"predictions": ["late"]}',
    "[1, 2]",
    "3.5",
    '{"predictions": [true]}',
    '{"predictions": [0]}',
]
BAD = [
    (500, '{"predictions": [1]}', "status 500"),
    (404, "", "status 404"),
    (200, "<html>", "no JSON"),
    (200, "", "no JSON"),
    (200, "{}", "no prediction"),
    (200, '{"predictions": []}', "no prediction"),
    (200, '{"predictions": [[]]}', "no prediction"),
    (200, '{"predictions": [null]}', "None"),
    (200, '{"predictions": [NaN]}', "nan"),
    (200, '{"predictions": [1.0, Infinity]}', "inf"),
    (200, '{"predictions": [[1.0, null]]}', "None"),
    (200, '{"predictions": [-1]}', "outside"),
    (200, '{"predictions": [101]}', "outside"),
    (200, '{"predictions": [5, 101.5]}', "101.5"),
]


@pytest.mark.parametrize("body", GOOD)
def test_a_good_answer_has_nothing_against_it(body: str) -> None:
    assert judge_answer(200, body, None, None) == ""
    assert judge_answer(200, body, 0, 100) == ""


@pytest.mark.parametrize(("status", "body", "why"), BAD)
def test_a_bad_answer_says_what_is_wrong(status: int, body: str, why: str) -> None:
    assert why in judge_answer(status, body, 0, 100)


def test_bounds_may_be_one_sided() -> None:
    assert judge_answer(200, "[1000000000]", 0, None) == ""
    assert judge_answer(200, "[-1000000000]", None, 0) == ""
    assert "outside" in judge_answer(200, "[1]", None, 0)


def test_a_long_answer_is_told_in_short() -> None:
    assert len(judge_answer(500, "x" * 10_000, None, None)) < 300
