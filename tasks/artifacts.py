"""What a run shows in Prefect's UI beside its states: the placement table, the metrics, where it serves."""

import asyncio
from collections.abc import Coroutine
from dataclasses import asdict
from typing import Any, cast

from prefect import get_run_logger
from prefect.artifacts import acreate_link_artifact, acreate_table_artifact

from landbridge.domain.placement import Placement
from landbridge.operations.candidates import Judged
from landbridge.operations.reports import Report

Rows = list[dict[str, Any]]


def placement_rows(placement: Placement) -> Rows:
    """One row per target, chosen or refused, and by which rule."""
    return [
        {
            "target": ruling.target,
            "site": ruling.site,
            "chosen": "yes" if ruling.chosen else "",
            "rule": str(ruling.rule or ""),
            "reason": ruling.reason,
            "change": ruling.change,
        }
        for ruling in placement.rulings
    ]


def verdict_rows(judged: Judged) -> Rows:
    """The metrics, and what each of the gate's rules said."""
    metrics = [{"what": name, "value": f"{value:g}"} for name, value in sorted(judged.evaluated.metrics.items())]
    rules = [{"what": reason.rule, "value": f"{reason.outcome}: {reason.detail}"} for reason in judged.verdict.reasons]
    return [*metrics, *rules]


_publishing: set["asyncio.Task[None]"] = set()


def publish_table(key: str, rows: Rows, description: str) -> None:
    """Send a table to Prefect while the run goes on; `settle` waits for it. Call it inside the task it belongs to."""
    _send(cast(Any, acreate_table_artifact)(table=rows, key=key, description=description))


def publish_report(report: Report) -> None:
    """Where it serves, and a link to each endpoint."""
    if report.serving:
        publish_table("serving", [asdict(serving) for serving in report.serving], report.text)
    for serving in report.serving:
        if serving.url and serving.traffic:
            key = f"endpoint-{serving.site}".lower()
            _send(cast(Any, acreate_link_artifact)(link=serving.url, key=key, description=serving.endpoint))


async def settle() -> None:
    """Wait for what was sent. An artifact that cannot be stored is a line in the log: the run has done its work."""
    for outcome in await asyncio.gather(*_publishing, return_exceptions=True):
        if isinstance(outcome, Exception):
            get_run_logger().warning("an artifact was not stored: %s", outcome)
    _publishing.clear()


def _send(artifact: Coroutine[Any, Any, None]) -> None:
    _publishing.add(asyncio.create_task(artifact))
