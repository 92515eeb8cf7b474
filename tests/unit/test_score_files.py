"""The script of scoring jobs, with a real MLflow model: a line y = 2 x."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from landbridge.runner.batch_scoring.score_files import main, parsed
from tests.services.tiny_models import line

SLOPE = 2.0


class Place:
    def __init__(self, folder: Path) -> None:
        self.data, self.out = folder / "data", folder / "out"
        self.data.mkdir()
        self.out.mkdir()

    def score(self, *words: str, data: Path | None = None) -> int:
        given = ["--model", line(SLOPE)[0], "--data", str(data or self.data), "--out", str(self.out), *words]
        return main(parsed(given))

    def predictions(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.out / f"{name}.predictions.csv")

    @property
    def summary(self) -> Any:
        return json.loads((self.out / "summary.json").read_text())

    @property
    def left(self) -> set[str]:
        return {path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def is_the_line(table: pd.DataFrame, xs: list[float]) -> bool:
    return bool(
        list(table["row"]) == list(range(len(xs))) and list(table["prediction"].round(6)) == [x * SLOPE for x in xs]
    )


def test_every_format_is_scored_in_batches_and_rows_keep_their_numbers(place: Place) -> None:
    xs = [float(x) for x in range(7)]
    table = pd.DataFrame({"x": xs, "label": "unused"})
    (place.data / "deep").mkdir()
    table.to_csv(place.data / "a.csv", index=False)
    table.to_csv(place.data / "b.csv.gz", index=False)
    table.to_parquet(place.data / "deep" / "c.parquet")
    table.to_json(place.data / "d.jsonl", orient="records", lines=True)
    assert place.score("--batch-rows", "3") == 0
    for name in ("a.csv", "b.csv.gz", "deep/c.parquet", "d.jsonl"):
        assert is_the_line(place.predictions(name), xs), name
    assert place.summary == {
        "files": 4, "failed_files": 0, "rows": 28, "failed_rows": 0, "skipped_files": [], "errors": [],
    }  # fmt: skip


def test_whole_numbers_are_taken_where_the_signature_says_float(place: Place) -> None:
    (place.data / "a.csv").write_text("x\n1\n2\n")
    assert place.score() == 0
    assert is_the_line(place.predictions("a.csv"), [1.0, 2.0])


def test_a_single_file_is_scored_alone(place: Place) -> None:
    (place.data / "a.csv").write_text("x\n1.5\n")
    (place.data / "b.csv").write_text("x\n2.5\n")
    assert place.score(data=place.data / "b.csv") == 0
    assert place.left == {"b.csv.predictions.csv", "summary.json"}


def test_files_of_other_kinds_are_named_and_hidden_ones_are_no_data(place: Place) -> None:
    (place.data / "a.csv").write_text("x\n1.5\n")
    (place.data / "README.md").write_text("about")
    (place.data / ".part.csv").write_text("x\n")
    assert place.score() == 0
    assert place.summary["skipped_files"] == ["README.md"]
    assert place.summary["files"] == 1


def test_a_bad_file_is_counted_and_the_others_are_scored(place: Place) -> None:
    (place.data / "a.csv").write_text("x\n1.5\n")
    (place.data / "b.csv").write_text("other\n1\n2\n")
    (place.data / "c.parquet").write_text("no parquet")
    (place.data / "d.csv").write_text("x\n2.5\n")
    assert place.score("--error-threshold", "2") == 0
    assert place.left == {"a.csv.predictions.csv", "d.csv.predictions.csv", "summary.json"}
    summary = place.summary
    assert (summary["files"], summary["failed_files"], summary["rows"], summary["failed_rows"]) == (4, 2, 4, 2)
    assert [error["file"] for error in summary["errors"]] == ["b.csv", "c.parquet"]
    assert all(error["error"] for error in summary["errors"])


def test_a_bad_batch_costs_its_rows_and_the_next_one_is_scored(place: Place) -> None:
    (place.data / "a.csv").write_text("x\n1.0\n2.0\nthree\n4.0\n5.0\n6.0\n")
    assert place.score("--batch-rows", "2", "--error-threshold", "-1") == 0
    table = place.predictions("a.csv")
    assert list(table["row"]) == [0, 1, 4, 5]
    assert list(table["prediction"].round(6)) == [2.0, 4.0, 10.0, 12.0]
    assert (place.summary["rows"], place.summary["failed_rows"], place.summary["failed_files"]) == (6, 2, 1)


def test_more_bad_files_than_the_threshold_fail_the_job_after_all_were_tried(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.data / "a.csv").write_text("other\n1\n")
    (place.data / "b.csv").write_text("x\n2.5\n")
    assert place.score() == 1
    assert "1 of 2 files failed; 0 may" in capsys.readouterr().err
    assert is_the_line(place.predictions("b.csv"), [2.5])


def test_nothing_to_score_fails(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.data / "README.md").write_text("about")
    assert place.score() == 2
    assert "No file to score" in capsys.readouterr().err
