"""What a run shows in Prefect's UI beside its states: the placement table, the metrics, where it serves."""

from dataclasses import asdict
from typing import Any, cast

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


async def publish_table(key: str, rows: Rows, description: str) -> None:
    await cast(Any, acreate_table_artifact)(table=rows, key=key, description=description)


async def publish_report(report: Report) -> None:
    """Where it serves, and a link to each endpoint."""
    rows = [asdict(serving) for serving in report.serving]
    if rows:
        await publish_table("serving", rows, report.text)
    for serving in report.serving:
        if serving.url and serving.traffic:
            await cast(Any, acreate_link_artifact)(
                link=serving.url, key=f"endpoint-{serving.site}".lower(), description=serving.endpoint
            )
