"""Batch scoring: what is ordered, and the name that makes the same order the same job."""

from collections.abc import Mapping
from dataclasses import dataclass

from landbridge.domain.digests import digest_value, short
from landbridge.domain.values import Json, ModelVersion

KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class ScoringOrder:
    """What somebody wants scored, in plain values: Prefect stores, shows and resends them.

    Attributes:
        data: the name of a data set of the scenario, or `azureml://datastores/<store>/paths/<path>`.
        version: of the scenario's model; "" = the champion.
        target: "" = placement chooses.
        error_threshold: files that may fail; -1 = any number.
    """

    data: str
    version: str = ""
    target: str = ""
    error_threshold: int = 0


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
        failed = f", {self.failed_rows} rows and {self.failed_files} files failed" if self.failed_files else ""
        skipped = f", {self.skipped_files} files of other kinds skipped" if self.skipped_files else ""
        return f"{self.rows} rows of {self.files} files scored{failed}{skipped}"


def scoring_key(scenario: str, version: ModelVersion, data_digest: str, error_threshold: int) -> str:
    """Name a scoring: 16 hex digits. The same model on the same data is the same scoring, wherever it is made."""
    model = version.digest or f"{version.model}:{version.version}"
    parts: dict[str, Json] = {
        "scenario": scenario,
        "model": model,
        "data": data_digest,
        "error_threshold": error_threshold,
    }
    return short(digest_value(parts), KEY_LENGTH)


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
