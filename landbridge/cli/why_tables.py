"""The answer of `landbridge why` as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from landbridge.cli import show
from landbridge.cli.plan_tables import movement_cells, print_placement
from landbridge.cli.report import print_serving
from landbridge.cli.rows import cells, object_of, rows_of, text
from landbridge.domain.digests import short


def print_why(found: Mapping[str, Any]) -> None:
    show.line(f"Endpoint {found['endpoint']} of scenario {found['scenario']} ({found['pattern']})")
    print_serving(rows_of(found, "serving"), "What serves now")
    for version, origin in object_of(found, "versions").items():
        _print_version(f"{found['model']} {version}", origin)


def _print_version(name: str, origin: Mapping[str, Any]) -> None:
    if origin["registry_problem"]:
        show.line(f"The registry does not answer; this is the ledger's copy. ({origin['registry_problem']})")
    lineage = object_of(origin, "lineage")
    if not lineage:
        show.heading(f"{name}: landbridge did not train it; something else registered it")
    else:
        show.table(("what", "is"), _facts(origin, lineage), f"{name}: where it comes from")
    print_placement(object_of(origin, "placement"))
    _print_verdict(object_of(origin, "verdict"))
    show.table(
        ("kind", "name", "from", "to", "size", "allowed", "rule"),
        [movement_cells(row) for row in rows_of(origin, "movements")],
        "What crossed site borders",
    )
    rows = [
        (
            *cells(row, "key", "outcome", "trigger"),
            show.moment(row["started_at"]),
            show.moment(row["updated_at"]),
            text(row["reason"]),
        )
        for row in rows_of(origin, "releases")
    ]
    show.table(("release", "outcome", "trigger", "started", "ended", "reason"), rows, "Releases")


def _facts(origin: Mapping[str, Any], lineage: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    parts = lineage["parts"]
    yield "trigger", text(lineage["trigger"])
    decision = object_of(origin, "decision")
    yield "decision", text(decision.get("reason"))
    for name, digest in parts["data"].items():
        files = parts["files"].get(name)
        yield f"data {name}", f"{short(digest)}" + (f", {files} files" if files is not None else "")
    yield "code", short(parts["code"])
    yield "environment", text(parts["environment"])
    yield "job file", short(parts["job"])
    if parts["nonce"]:
        yield "forced", text(parts["nonce"])
    yield "trained on", f"{lineage['target']} at {lineage['site']}"
    for job in rows_of(origin, "jobs"):
        if job.get("outcome"):
            yield (
                f"job, attempt {job['attempt']}",
                f"{job['name']} on {job['target']}: {job['outcome']} {job.get('reason') or ''}".rstrip(),
            )
    registered = object_of(origin, "registered")
    yield (
        "metrics",
        ", ".join(f"{name} {text(value)}" for name, value in sorted(object_of(registered, "metrics").items())),
    )
    yield "model files", short(text(lineage["digest"]) or text(registered.get("digest")))
    yield "run key", text(lineage["run_key"])


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    rows = [cells(row, "rule", "outcome", "detail") for row in rows_of(verdict, "reasons")]
    show.table(("criterion", "verdict", "detail"), rows, f"The gate said {verdict.get('outcome', '')}")
