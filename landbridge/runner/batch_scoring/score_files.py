"""Scores every file of a folder with an MLflow model: `python score_files.py --model DIR --data PATH --out DIR`.

It runs in the model's own environment: standard library, MLflow and pandas. Files are read one by one, in batches of
rows. A batch that fails costs its rows and is counted; a file with a failed row, or one that cannot be read to its end,
counts as failed. More of them than --error-threshold fail the job, after all files were tried.

    OUT/<path of the file>.predictions.csv    `row` (of the file, from 0) and the predictions
    OUT/summary.json                          counts, and per failed file what was wrong: it may quote the data
"""

from __future__ import annotations  # it runs on the Python of the user's image

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CSV, LINES, PARQUET = (".csv", ".csv.gz"), (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), (".parquet",)
DETAIL_CHARACTERS = 500


class Tally:
    """What became of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.failed_rows = 0
        self.error = ""

    def fail(self, error: Exception, rows: int) -> None:
        """Count `rows` as failed; the first error is told."""
        self.failed_rows += rows
        self.error = self.error or f"{type(error).__name__}: {error}"[:DETAIL_CHARACTERS]


def main(arguments: argparse.Namespace) -> int:
    """Score what there is; returns the exit code."""
    import mlflow.pyfunc

    files, skipped = found(arguments.data)
    if not files:
        sys.stderr.write(f"No file to score in {arguments.data}: {', '.join((*CSV, *LINES, *PARQUET))}.\n")
        return 2
    model = mlflow.pyfunc.load_model(str(arguments.model))
    tallies = []
    for name, path in files:
        tally = score_file(model, name, path, arguments)
        tallies.append(tally)
        state = f"{tally.failed_rows} failed, {tally.error}" if tally.error else "good"
        sys.stdout.write(f"{name}: {tally.rows} rows, {state}\n")
        sys.stdout.flush()
    failed = [tally for tally in tallies if tally.error]
    write_summary(arguments, tallies, skipped)
    if 0 <= arguments.error_threshold < len(failed):
        sys.stderr.write(f"{len(failed)} of {len(files)} files failed; {arguments.error_threshold} may.\n")
        return 1
    return 0


def found(data: Path) -> tuple[list[tuple[str, Path]], list[str]]:
    """(name, path) of every file to score, and the names of those of other kinds. Hidden files are no data."""
    if data.is_file():
        every = [(data.name, data)]
    else:
        every = [(path.relative_to(data).as_posix(), path) for path in sorted(data.rglob("*")) if path.is_file()]
    seen = [(name, path) for name, path in every if not any(part.startswith(".") for part in name.split("/"))]
    known = [(name, path) for name, path in seen if name.lower().endswith((*CSV, *LINES, *PARQUET))]
    return known, [name for name, path in seen if (name, path) not in known]


def score_file(model: Any, name: str, path: Path, arguments: argparse.Namespace) -> Tally:
    """Predict batch after batch; the predictions appear whole under their name, or not at all."""
    tally = Tally(name)
    target = Path(arguments.out) / f"{name}.predictions.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        header = True
        try:
            for batch in batches(path, arguments.batch_rows):
                first, tally.rows = tally.rows, tally.rows + len(batch)
                try:
                    answers = predicted(model, batch, first)
                except Exception as error:  # noqa: BLE001 - whatever the model raises: the batch is counted, the next tried
                    tally.fail(error, len(batch))
                    continue
                answers.to_csv(stream, header=header, index=False)
                header = False
        except Exception as error:  # noqa: BLE001 - a file that cannot be read to its end is counted, the next tried
            tally.fail(error, 0)
    if header:  # not one prediction
        partial.unlink()
    else:
        os.replace(partial, target)  # noqa: PTH105 - the pathlib way is the same call
    return tally


def batches(path: Path, rows: int) -> Iterator[Any]:
    """The file as data frames of at most `rows` rows."""
    import pandas as pd

    name = path.name.lower()
    if name.endswith(PARQUET):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=rows):
                yield batch.to_pandas()
        return
    reader: Any = (
        pd.read_csv(path, chunksize=rows) if name.endswith(CSV) else pd.read_json(path, lines=True, chunksize=rows)
    )
    with reader as chunks:
        yield from chunks


def predicted(model: Any, batch: Any, first: int) -> Any:
    """The model's answer as a table, each line with its row of the file."""
    import pandas as pd

    answer = model.predict(as_signed(model, batch.reset_index(drop=True)))
    table = pd.DataFrame(answer).reset_index(drop=True)
    if len(table) != len(batch):
        message = f"the model answered {len(table)} rows to {len(batch)}"
        raise ValueError(message)
    if isinstance(answer, pd.DataFrame):
        pass  # its own names
    elif len(table.columns) == 1:
        table.columns = ["prediction"]
    else:
        table.columns = [f"prediction_{column}" for column in table.columns]
    table.insert(0, "row", range(first, first + len(table)), allow_duplicates=True)
    return table


def as_signed(model: Any, batch: Any) -> Any:
    """Whole numbers become floats where the model's signature says so: text files do not tell 1 from 1.0."""
    schema = model.metadata.get_input_schema()
    if schema is None or not schema.has_input_names():
        return batch
    kinds = {spec.name: getattr(spec.type, "name", "") for spec in schema.inputs}
    floats = {
        name: "float64" if kind == "double" else "float32"
        for name, kind in kinds.items()
        if kind in {"double", "float"} and name in batch and batch[name].dtype.kind in "iuf"
    }
    return batch.astype(floats)


def write_summary(arguments: argparse.Namespace, tallies: list[Tally], skipped: list[str]) -> None:
    failed = [tally for tally in tallies if tally.error]
    summary = {
        "files": len(tallies),
        "failed_files": len(failed),
        "rows": sum(tally.rows for tally in tallies),
        "failed_rows": sum(tally.failed_rows for tally in tallies),
        "skipped_files": skipped,
        "errors": [{"file": tally.name, "failed_rows": tally.failed_rows, "error": tally.error} for tally in failed],
    }
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch-rows", type=int, default=1000)
    parser.add_argument("--error-threshold", type=int, default=0, help="failed files that are borne; -1: any number")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(parsed()))
