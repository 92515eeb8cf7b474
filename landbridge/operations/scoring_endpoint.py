"""Scoring by a batch endpoint of the target's own service, where its options ask for it. Elsewhere a scoring is a job."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.names import batch_endpoint_name
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import BatchOrder
from landbridge.domain.scoring import summary_of
from landbridge.domain.values import ModelVersion
from landbridge.operations import connections
from landbridge.operations.story import Story, timeout_seconds

BY_JOB = "a batch endpoint of this target takes nothing from a file; `batch_scoring: job` in its options does"


def is_chosen(story: Story, target: str) -> bool:
    """Whether scorings on `target` go through its batch endpoint."""
    batch = connections.batch(story.inventory, target)
    return batch is not None and batch.is_chosen


def order_of(story: Story, version: ModelVersion, error_threshold: int) -> BatchOrder:
    """What is asked for, as far as it is known before anything moves. `story`: with the scoring's one data set."""
    [item] = story.data.values()
    scenario = story.scenario
    files = tuple(file.path for file in item.snapshot.files)
    return BatchOrder(
        name="",
        endpoint=batch_endpoint_name(scenario.endpoint.name),
        model=version.model,
        version=version.version,
        model_url="",
        model_digest=version.digest,
        data="",
        files=files,
        is_file=files == (item.snapshot.path.rsplit("/", 1)[-1],),
        error_threshold=error_threshold,
        instance_type=scenario.requires.instance_type or story.job.resources.instance_type,
        environment_variables=story.job.environment_variables,
        timeout_seconds=timeout_seconds(story),
        labels={"landbridge.scenario": scenario.name, "landbridge.run-key": story.run_key},
    )


def refused_fields(story: Story, target: str, order: BatchOrder) -> tuple[str, ...] | None:
    """What the batch endpoint of `target` refuses, as "field: why"; None where a scoring is a job."""
    try:
        batch = connections.batch(story.inventory, target)
        if batch is None or not batch.is_chosen:
            return None
        if story.scenario.endpoint.batch:
            return (f"endpoint.batch: {BY_JOB}",)
        said = batch.foresee(order)
    except LandbridgeError as error:
        return (f"driver: {error.message}",)
    return tuple(f"{item.field}: {item.detail}" for item in said if item.kind is FindingKind.REFUSED)


def summarise(files: Sequence[str], predictions: Path, summary: str) -> None:
    """Count what a batch endpoint left of `files`, and write it beside that, in the file `summary`, as a job's script does.

    Raises:
        ValueError: a line of it names none of the files.
    """
    counted = summary_of(_lines(predictions), files)
    (predictions / summary).write_text(json.dumps(counted, indent=2), encoding="utf-8")


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8") as stream:
            yield from (line for line in stream if line.strip())
