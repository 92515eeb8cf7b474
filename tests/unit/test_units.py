"""Amounts as people write them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.files import units


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.memory_bytes, "512Mi", 512 * 2**20),
        (units.memory_bytes, "2Gi", 2 * 2**30),
        (units.memory_bytes, "1.5Gi", 3 * 2**29),
        (units.memory_bytes, "1G", 10**9),
        (units.memory_bytes_up, "0.1Gi", 107374183),
        (units.memory_bytes_up, "1Gi", 2**30),
        (units.memory_bytes, "1k", 1000),
        (units.memory_bytes, 1024, 1024),
        (units.cpu_millicores, "500m", 500),
        (units.cpu_millicores, "2", 2000),
        (units.cpu_millicores, 0.5, 500),
        (units.cpu_millicores, 2, 2000),
        (units.gpu_count, 1, 1),
        (units.gpu_count, "2", 2),
        (units.gpu_count, None, 0),
        (units.duration_seconds, "2s", 2.0),
        (units.duration_seconds, "500ms", 0.5),
        (units.duration_seconds, "1h30m", 5400.0),
        (units.duration_seconds, 1.5, 1.5),
        (units.minute_of_day, "02:00", 120),
        (units.minute_of_day, "24:00", 1440),
        (units.weekday, "Mon", 0),
        (units.weekday, "sunday", 6),
    ],
)
def test_amounts_are_read(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (units.memory_bytes, "2GB"),
        (units.memory_bytes_up, "2GB"),
        (units.memory_bytes_up, "9999999Pi"),
        (units.memory_bytes, "-1Gi"),
        (units.memory_bytes, "0.3"),
        (units.memory_bytes, True),
        (units.memory_bytes, None),
        (units.memory_bytes, [1]),
        (units.memory_bytes, "9999999Pi"),
        (units.cpu_millicores, "2Gi"),
        (units.cpu_millicores, "0.0005"),
        (units.cpu_millicores, False),
        (units.cpu_millicores, float("nan")),
        (units.gpu_count, 1.5),
        (units.gpu_count, True),
        (units.gpu_count, "one"),
        (units.gpu_count, -1),
        (units.duration_seconds, "2 s"),
        (units.duration_seconds, "s"),
        (units.duration_seconds, "2w"),
        (units.duration_seconds, -1),
        (units.duration_seconds, float("inf")),
        (units.duration_seconds, "400d"),
        (units.duration_seconds, None),
        (units.minute_of_day, "24:01"),
        (units.minute_of_day, "2"),
        (units.minute_of_day, "02:60"),
        (units.minute_of_day, 120),
        (units.weekday, "Funday"),
        (units.weekday, "Mo"),
        (units.weekday, 1),
    ],
)
def test_a_wrong_amount_says_what_and_how_to_mend(parse, text):
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse(text)
    message, hint = caught.value.args
    assert message
    assert hint.endswith(".")


@given(st.integers(min_value=0, max_value=2**40))
def test_plain_bytes_are_themselves(size):
    assert units.memory_bytes(size) == units.memory_bytes(str(size)) == size


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_a_fault_with_a_hint(text):
    for parse in (
        units.memory_bytes,
        units.cpu_millicores,
        units.gpu_count,
        units.duration_seconds,
        units.minute_of_day,
    ):
        assert outcome(parse, text)


def outcome(parse: Callable[[object], float], text: str) -> bool:
    try:
        return parse(text) >= 0
    except ValueError as error:
        return len(error.args) == 2
