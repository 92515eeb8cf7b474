"""`ModelRegistry` and `TracksRuns` of `landbridge.ports` on an MLflow server."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landbridge.domain.digests import short
from landbridge.domain.errors import ConflictError, NotFoundError
from landbridge.domain.lineage import RUN_KEY
from landbridge.domain.requests import Candidate, TrackingRun
from landbridge.domain.values import ModelVersion
from landbridge.drivers import trees
from landbridge.drivers.faults import translated
from landbridge.drivers.mlflow import artifacts, runs
from landbridge.drivers.mlflow.rest import Rest
from landbridge.drivers.mlflow.translate import (
    METRICS_TAG,
    has_metrics,
    metrics_of,
    quoted,
    tag_list,
    version_of,
)

_PAGE = 1000
_MAX_PAGES = 1000
_BAD_NAME_OR_VERSION = ("INVALID_PARAMETER_VALUE",)  # MLflow's answer to a missing alias, or a version like "x"

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


class MlflowRegistry:
    """One site's registry. `register` and `start_run` look first, then write: the caller holds a lease."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def register(self, candidate: Candidate) -> ModelVersion:
        found = self.find(candidate.model, run_key=candidate.run_key)
        if found is not None:
            return found
        with translated(f"reading the model in {candidate.folder}"):
            digest = trees.digest_model(candidate.folder)
        self._ensure_model(candidate.model)
        run = self._run_of(candidate)
        runs.log_missing_metrics(self._rest, run, candidate.metrics)
        # A folder per content: an upload that was killed half-way leaves nothing in the next one's way.
        source = f"{run['info']['artifact_uri']}/model-{short(digest)}"
        artifacts.upload(self._rest, Path(candidate.folder), source)
        return self._create_version(candidate, run["info"]["run_id"], source, digest)

    def find(self, model: str, version: str = "", alias: str = "", run_key: str = "") -> ModelVersion | None:
        trees.exactly_one(version, alias, run_key)
        body = self._find_by_run_key(model, run_key) if run_key else self._find_one(model, version, alias)
        return self._complete([body])[0] if body else None

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        bodies = list(self._search(f"name={quoted(model)}", "version_number DESC"))
        if not bodies:
            return ()
        known = self._rest.get("registered-models/get", {"name": model})["registered_model"].get("aliases", ())
        for body in bodies:  # a search does not tell aliases
            body["aliases"] = [entry["alias"] for entry in known if entry["version"] == body["version"]]
        return tuple(self._complete(bodies))

    def set_alias(self, model: str, alias: str, version: str) -> None:
        current = self._find_one(model, "", alias)
        if (current["version"] if current else "") == version:
            return
        if not version:
            self._rest.delete("registered-models/alias", {"name": model, "alias": alias})
            return
        if self._find_one(model, version, "") is None:
            raise NotFoundError(
                f"Model {model!r} has no version {version!r} at site {self._rest.site!r}.",
                f"Name a version that `landbridge why {model}` or the MLflow page lists.",
            )
        self._rest.post("registered-models/alias", {"name": model, "alias": alias, "version": version})

    def fetch(self, version: ModelVersion, destination: str) -> str:
        where = {"name": version.model, "version": version.version}
        location = self._rest.get("model-versions/get-download-uri", where, absent=_BAD_NAME_OR_VERSION)["artifact_uri"]
        return trees.fill(destination, version, lambda folder: artifacts.download(self._rest, location, folder))

    def start_run(self, name: str, experiment: str, tags: Mapping[str, str]) -> TrackingRun:
        info = runs.ensure_run(self._rest, name, experiment, tags)["info"]
        names = {
            "MLFLOW_TRACKING_URI": self._rest.uri,
            "MLFLOW_RUN_ID": info["run_id"],
            "MLFLOW_EXPERIMENT_ID": info["experiment_id"],
        }
        return TrackingRun(info["run_id"], {**names, **QUIET})

    def metrics(self, run_id: str) -> Mapping[str, float]:
        return metrics_of(runs.get_run(self._rest, run_id))

    def end_run(self, run_id: str, succeeded: bool) -> None:
        runs.end_run(self._rest, runs.get_run(self._rest, run_id), succeeded)

    def _ensure_model(self, model: str) -> None:
        try:
            self._rest.get("registered-models/get", {"name": model})
        except NotFoundError:
            try:
                self._rest.post("registered-models/create", {"name": model})
            except ConflictError:  # somebody else was faster
                return

    def _run_of(self, candidate: Candidate) -> dict[str, Any]:
        """The candidate's run; another site's run has a stand-in here, closed, with the approved metrics only."""
        run = runs.find_run(self._rest, candidate.run_id) if candidate.run_id else None
        if run is None:
            run = runs.ensure_run(self._rest, candidate.run_key, candidate.model, candidate.tags)
            runs.end_run(self._rest, run, succeeded=True)
        return run

    def _create_version(self, candidate: Candidate, run_id: str, source: str, digest: str) -> ModelVersion:
        tags = {**trees.version_tags(candidate, run_id, digest), METRICS_TAG: json.dumps(dict(candidate.metrics))}
        body = {"name": candidate.model, "source": source, "run_id": run_id, "tags": tag_list(tags)}
        return version_of(self._rest.post("model-versions/create", body)["model_version"], None)

    def _find_by_run_key(self, model: str, run_key: str) -> dict[str, Any] | None:
        """The first version of the key; asked again by number, for a search does not tell aliases."""
        query = f"name={quoted(model)} and tags.`{RUN_KEY}` = {quoted(run_key)}"
        first = next(self._search(query, "version_number ASC"), None)
        return self._find_one(model, str(first["version"]), "") if first else None

    def _find_one(self, model: str, version: str, alias: str) -> dict[str, Any] | None:
        path, key = ("registered-models/alias", "alias") if alias else ("model-versions/get", "version")
        try:
            found = self._rest.get(path, {"name": model, key: alias or version}, absent=_BAD_NAME_OR_VERSION)
        except NotFoundError:
            return None
        return dict(found["model_version"])

    def _search(self, query: str, order: str) -> Iterator[dict[str, Any]]:
        token = ""
        for _ in range(_MAX_PAGES):
            page = {"filter": query, "order_by": order, "max_results": _PAGE, "page_token": token}
            answer = self._rest.get("model-versions/search", {key: value for key, value in page.items() if value})
            yield from answer.get("model_versions", ())
            token = answer.get("next_page_token", "")
            if not token:
                return

    def _complete(self, bodies: list[dict[str, Any]]) -> list[ModelVersion]:
        """Versions that others registered tell their metrics only in their runs: read these together."""
        asked = {body["run_id"] for body in bodies if not has_metrics(body)}
        found = runs.metrics_of_runs(self._rest, sorted(asked))
        return [version_of(body, None if has_metrics(body) else found.get(body["run_id"], {})) for body in bodies]
