"""Batch scoring: what is ordered, and the name that makes the same order the same job."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from landbridge.domain.digests import digest_value, short
from landbridge.domain.values import Json, ModelVersion

KEY_LENGTH = 16
SUMMARY = "summary.json"  # what a scoring leaves beside its predictions


@dataclass(frozen=True, slots=True)
class ScoringOrder:
    """What somebody wants scored, in plain values: Prefect stores, shows and resends them.

    Attributes:
        data: the name of a data set of the scenario, or `azureml://datastores/<store>/paths/<path>`.
        version: of the scenario's model; "" = the champion.
        target: "" = placement chooses.
        error_threshold: files that may fail; -1 = any number; None = as the scenario's batch deployment says, else 0.
    """

    data: str
    version: str = ""
    target: str = ""
    error_threshold: int | None = None


@dataclass(frozen=True, slots=True)
class ScoringCounts:
    """What a scoring job says of its files. Numbers only: what was wrong with a row stays beside the predictions."""

    files: int
    failed_files: int
    rows: int
    failed_rows: int
    skipped_files: int

    @property
    def summary(self) -> str:
        rows = f"{self.failed_rows} rows and " if self.failed_rows else ""
        failed = f", {rows}{self.failed_files} files failed" if self.failed_files else ""
        skipped = f", {self.skipped_files} files of other kinds skipped" if self.skipped_files else ""
        return f"{self.rows} rows of {self.files} files scored{failed}{skipped}"


def scoring_key(
    scenario: str, version: ModelVersion, data_digest: str, error_threshold: int, deployment_digest: str = ""
) -> str:
    """Name a scoring: 16 hex digits. The same model on the same data is the same scoring, wherever it is made.

    Args:
        deployment_digest: of what the scenario's batch deployment says of the predictions; "" = it has none.
    """
    model = version.digest or f"{version.model}:{version.version}"
    parts: dict[str, Json] = {
        "scenario": scenario,
        "model": model,
        "data": data_digest,
        "error_threshold": error_threshold,
        **({"deployment": deployment_digest} if deployment_digest else {}),
    }
    return short(digest_value(parts), KEY_LENGTH)


def summary_of(lines: Iterable[str], files: Sequence[str]) -> dict[str, Json]:
    """The summary of predictions that nobody counted: each line names the file of its row, last of all names in it.

    A file without a row has failed; how many rows it has, nobody knows.

    Raises:
        ValueError: a line names none of `files`.
    """
    names = re.compile("|".join(re.escape(name) for name in sorted(files, key=len, reverse=True)))
    rows = dict.fromkeys(files, 0)
    for number, line in enumerate(lines, 1):
        named = names.findall(line)
        if not named:
            raise ValueError(f"line {number} of the predictions names no file of the data")
        rows[named[-1]] += 1
    failed = [name for name, count in rows.items() if not count]
    errors: list[Json] = [{"file": name, "failed_rows": 0, "error": "no row of it was scored"} for name in failed]
    counts: dict[str, Json] = {"files": len(files), "failed_files": len(failed), "rows": sum(rows.values())}
    return {**counts, "failed_rows": 0, "skipped_files": [], "errors": errors}


def counts_of(summary: Mapping[str, object]) -> ScoringCounts:
    """Read the job's summary.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    skipped = summary["skipped_files"]
    if not isinstance(skipped, list):
        raise TypeError("skipped_files")
    files, failed_files, rows, failed_rows = (
        int(str(summary[key])) for key in ("files", "failed_files", "rows", "failed_rows")
    )
    return ScoringCounts(files, failed_files, rows, failed_rows, len(skipped))
