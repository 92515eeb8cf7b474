"""Tracking runs over REST: found by their name's tag, so that making one can be repeated."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from landbridge.domain.errors import ConflictError, NotFoundError, PermanentError
from landbridge.drivers.mlflow.rest import Rest
from landbridge.drivers.mlflow.translate import RUN_NAME_TAG, metrics_of, quoted, tag_list

_OPEN = ("RUNNING", "SCHEDULED")
_BATCH = 100  # ids of one search, metrics of one call; MLflow takes more
_MAX_PAGES = 1000


def ensure_run(rest: Rest, name: str, experiment: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """The oldest run of that name in `experiment`, made when there is none. The caller holds a lease."""
    experiment_id = _ensure_experiment(rest, experiment)
    found = rest.post(
        "runs/search",
        {
            "experiment_ids": [experiment_id],
            "filter": f"tags.`{RUN_NAME_TAG}` = {quoted(name)}",
            "order_by": ["attributes.start_time ASC"],
            "max_results": 1,
        },
    ).get("runs", [])
    if found:
        return dict(found[0])
    body = {
        "experiment_id": experiment_id,
        "run_name": name,
        "start_time": _now(),
        "tags": tag_list({**tags, RUN_NAME_TAG: name}),
    }
    return dict(rest.post("runs/create", body)["run"])


def find_run(rest: Rest, run_id: str) -> dict[str, Any] | None:
    try:
        return dict(rest.get("runs/get", {"run_id": run_id}, absent=("INVALID_PARAMETER_VALUE",))["run"])
    except NotFoundError:
        return None


def get_run(rest: Rest, run_id: str) -> dict[str, Any]:
    run = find_run(rest, run_id)
    if run is None:
        raise NotFoundError(f"No tracking run {run_id!r} at site {rest.site!r}.", "Name a run that is not deleted.")
    return run


def end_run(rest: Rest, run: Mapping[str, Any], succeeded: bool) -> None:
    if run["info"]["status"] in _OPEN:
        status = "FINISHED" if succeeded else "FAILED"
        rest.post("runs/update", {"run_id": run["info"]["run_id"], "status": status, "end_time": _now()})


def log_missing_metrics(rest: Rest, run: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Log those of `metrics` that the run has not; what the job logged itself stays as it is."""
    known = metrics_of(run)
    at = _now()
    new = [
        {"key": key, "value": _number(value), "timestamp": at, "step": 0}
        for key, value in metrics.items()
        if key not in known
    ]
    for batch in _batches(new):
        rest.post("runs/log-batch", {"run_id": run["info"]["run_id"], "metrics": batch})


def metrics_of_runs(rest: Rest, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Run id → metrics, in a few calls however many runs there are. A deleted run has none."""
    if len(run_ids) <= 1:
        return {run_id: metrics_of(find_run(rest, run_id) or {}) for run_id in run_ids}
    experiments = [found["experiment_id"] for found in _experiments(rest)]
    found: dict[str, dict[str, float]] = {}
    for batch in _batches(sorted(run_ids)):
        wanted = f"attributes.run_id IN ({', '.join(quoted(run_id) for run_id in batch)})"
        body = {"experiment_ids": experiments, "filter": wanted, "max_results": _BATCH, "run_view_type": "ALL"}
        found |= {run["info"]["run_id"]: metrics_of(run) for run in rest.post("runs/search", body).get("runs", ())}
    return found


def _ensure_experiment(rest: Rest, name: str) -> str:
    found = _find_experiment(rest, name)
    if found is None:
        try:
            return str(rest.post("experiments/create", {"name": name})["experiment_id"])
        except ConflictError:  # somebody else was faster
            found = _find_experiment(rest, name) or {}
    if found.get("lifecycle_stage") != "active":
        raise PermanentError(
            f"The experiment {name!r} at site {rest.site!r} is deleted.",
            f"Restore it: `mlflow experiments restore --experiment-id {found.get('experiment_id', '…')}`.",
        )
    return str(found["experiment_id"])


def _find_experiment(rest: Rest, name: str) -> dict[str, Any] | None:
    try:
        return dict(rest.get("experiments/get-by-name", {"experiment_name": name})["experiment"])
    except NotFoundError:
        return None


def _experiments(rest: Rest) -> Iterator[Mapping[str, Any]]:
    token = ""
    for _ in range(_MAX_PAGES):
        body = {"max_results": 1000, "view_type": "ALL", "page_token": token}
        answer = rest.post("experiments/search", {key: value for key, value in body.items() if value})
        yield from answer.get("experiments", ())
        token = answer.get("next_page_token", "")
        if not token:
            return


def _number(value: float) -> float | str:
    """JSON has no NaN; MLflow's protobuf takes it as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _now() -> int:
    return int(time.time() * 1000)  # MLflow counts ms
