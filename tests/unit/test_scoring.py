"""Counting predictions that nobody counted: every line names the file of its row."""

import pytest

from landbridge.domain.scoring import ScoringCounts, counts_of, scoring_key, summary_of
from landbridge.domain.values import ModelVersion

FILES = ("a.csv", "big a.csv", "b.parquet")


@pytest.mark.parametrize(
    "line",
    ["0 1.5 big a.csv", "0,1.5,big a.csv", "('big a.csv', 1.5)", '["big a.csv", 1.5]', "0 b.parquet big a.csv"],
)
def test_a_line_belongs_to_the_last_and_longest_name_in_it(line: str) -> None:
    errors = summary_of([line], FILES)["errors"]
    assert isinstance(errors, list)
    assert [error["file"] for error in errors if isinstance(error, dict)] == ["a.csv", "b.parquet"]


def test_a_file_without_a_row_has_failed() -> None:
    counts = counts_of(summary_of(["0 1 a.csv", "1 2 a.csv", "0 3 b.parquet"], FILES))
    assert counts == ScoringCounts(files=3, failed_files=1, rows=3, failed_rows=0, skipped_files=0)
    assert counts.summary == "3 rows of 3 files scored, 1 files failed"


def test_no_predictions_mean_that_every_file_failed() -> None:
    assert counts_of(summary_of([], FILES)).failed_files == 3


def test_a_line_that_names_no_file_is_not_counted_as_something_else() -> None:
    with pytest.raises(ValueError, match="line 2 of the predictions names no file"):
        summary_of(["0 1 a.csv", "0 1 c.csv"], FILES)


def test_a_key_of_a_scenario_without_a_batch_deployment_stays_what_it_was() -> None:
    version = ModelVersion("m", "3", "sha256:aa", "here")
    assert scoring_key("s", version, "d", 0) == "00f21ef53ce319b9"
    assert scoring_key("s", version, "d", 0, "sha256:bb") != scoring_key("s", version, "d", 0, "sha256:cc")
