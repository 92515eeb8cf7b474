"""A registry without a server: `ModelRegistry` and `TracksRuns` in small files under the inventory's home.

    <home>/sites/<site>/registry/
        models/<model>/<version>/record.json, files/…     a version appears whole, by renaming its folder
        models/<model>/aliases.json
        runs/<run id>.json, <run id>.metrics.json          the second file is the job's to write

Writers hold a lease, as the port says; readers may come at any time.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from landbridge.domain.digests import digest_value, short
from landbridge.domain.errors import CorruptError, InputError, NotFoundError
from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.domain.lineage import RUN_KEY
from landbridge.domain.requests import Candidate, TrackingRun
from landbridge.domain.values import Json, ModelVersion
from landbridge.drivers import trees
from landbridge.drivers.faults import translated
from landbridge.drivers.memory.faults import FaultPlan

METRICS_VARIABLE = "LANDBRIDGE_MEMORY_METRICS"  # file where a job of this driver writes its metrics, as JSON


def connect(spec: RegistrySpec, inventory: Inventory) -> "MemoryRegistry":
    if spec.options:
        raise InputError(
            f"The memory registry of site {spec.site!r} has no option {next(iter(spec.options))!r}.",
            "Take the options out.",
            inventory.path,
        )
    return MemoryRegistry(Path(inventory.home) / "sites" / spec.site / "registry", spec.site)


class MemoryRegistry:
    def __init__(self, root: Path, site: str) -> None:
        self._root = root
        self._site = site
        self._faults = FaultPlan(root)

    def register(self, candidate: Candidate) -> ModelVersion:
        self._faults.meet("register")
        found = self._first_of(candidate.model, candidate.run_key)
        if found is not None:
            return found
        with translated(f"registering model {candidate.model!r}"):
            digest = trees.digest_model(candidate.folder)
            version = str(max((int(known.version) for known in self._versions(candidate.model)), default=0) + 1)
            target = self._model(candidate.model) / version
            run_id = self._run_of(candidate)
            tags = trees.version_tags(candidate, run_id, digest)
            source = str(target / "files")
            record = ModelVersion(candidate.model, version, digest, source, run_id, tags, (), dict(candidate.metrics))
            self._write_version(target, record, candidate.folder)
        return record

    def find(self, model: str, version: str = "", alias: str = "", run_key: str = "") -> ModelVersion | None:
        trees.exactly_one(version, alias, run_key)
        self._faults.meet("find")
        if run_key:
            return self._first_of(model, run_key)
        wanted = self._aliases(model).get(alias, "") if alias else version
        return next((found for found in self._versions(model) if found.version == wanted), None)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        self._faults.meet("versions")
        return tuple(sorted(self._versions(model), key=lambda found: -int(found.version)))

    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._faults.meet("set_alias")
        aliases = self._aliases(model)
        if aliases.get(alias, "") == version:
            return
        if version and all(found.version != version for found in self._versions(model)):
            raise NotFoundError(
                f"Model {model!r} has no version {version!r} at site {self._site!r}.", "Name one it has."
            )
        others = {name: held for name, held in aliases.items() if name != alias}
        _write(self._model(model) / "aliases.json", {**others, alias: version} if version else others)

    def fetch(self, version: ModelVersion, destination: str) -> str:
        self._faults.meet("fetch")
        files = self._model(version.model) / version.version / "files"
        if not files.is_dir():
            raise NotFoundError(f"Model {version.model!r} has no version {version.version!r}.", "Name one it has.")
        return trees.fill(destination, version, lambda folder: _copy(files, folder))

    def start_run(self, name: str, experiment: str, tags: Mapping[str, str]) -> TrackingRun:
        self._faults.meet("start_run")
        run_id = self._ensure_run(name, experiment, tags, "RUNNING")
        return TrackingRun(run_id, {METRICS_VARIABLE: str(self._metrics_file(run_id))})

    def metrics(self, run_id: str) -> Mapping[str, float]:
        self._faults.meet("metrics")
        self._run(run_id)
        return {name: float(value) for name, value in _read(self._metrics_file(run_id)).items()}

    def end_run(self, run_id: str, succeeded: bool) -> None:
        self._faults.meet("end_run")
        run = self._run(run_id)
        if run["status"] == "RUNNING":
            _write(self._root / "runs" / f"{run_id}.json", {**run, "status": "FINISHED" if succeeded else "FAILED"})

    def _ensure_run(self, name: str, experiment: str, tags: Mapping[str, str], status: str) -> str:
        run_id = short(digest_value([experiment, name]), 32)  # the same name is the same run
        path = self._root / "runs" / f"{run_id}.json"
        if not path.exists():
            _write(path, {"name": name, "experiment": experiment, "tags": dict(tags), "status": status})
        return run_id

    def _run(self, run_id: str) -> dict[str, Any]:
        run = _read(self._root / "runs" / f"{run_id}.json")
        if not run:
            raise NotFoundError(f"No tracking run {run_id!r} at site {self._site!r}.", "Name a run that exists.")
        return run

    def _run_of(self, candidate: Candidate) -> str:
        """The candidate's run, or its stand-in here; either knows the approved metrics afterwards."""
        run_id = candidate.run_id
        if not run_id or not (self._root / "runs" / f"{run_id}.json").exists():
            run_id = self._ensure_run(candidate.run_key, candidate.model, candidate.tags, "FINISHED")
        path = self._metrics_file(run_id)
        _write(path, {**candidate.metrics, **_read(path)})
        return run_id

    def _metrics_file(self, run_id: str) -> Path:
        return self._root / "runs" / f"{run_id}.metrics.json"

    def _model(self, model: str) -> Path:
        return self._root / "models" / quote(model, safe="")

    def _aliases(self, model: str) -> dict[str, str]:
        return _read(self._model(model) / "aliases.json")

    def _versions(self, model: str) -> Iterator[ModelVersion]:
        aliases = self._aliases(model)
        for path in self._model(model).glob("[0-9]*/record.json"):
            found = ModelVersion(**_read(path))
            names = tuple(sorted(name for name, version in aliases.items() if version == found.version))
            yield replace(found, aliases=names)

    def _first_of(self, model: str, run_key: str) -> ModelVersion | None:
        mine = [found for found in self._versions(model) if found.tags.get(RUN_KEY) == run_key]
        return min(mine, key=lambda found: int(found.version), default=None)

    def _write_version(self, target: Path, record: ModelVersion, folder: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as beside:
            whole = Path(beside) / "version"
            _copy(Path(folder), whole / "files")
            _write(whole / "record.json", {**asdict(record), "aliases": []})
            whole.rename(target)


def _copy(source: Path, target: Path) -> None:
    for name, path in trees.files_of(source):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when there is no file."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError) as error:
        raise CorruptError(f"{path} is damaged ({error}).", "Move the file away.") from error


def _write(path: Path, content: Mapping[str, Json] | Mapping[str, Any]) -> None:
    """Replace the file at once, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        json.dump(content, file)
    os.replace(file.name, path)  # noqa: PTH105
