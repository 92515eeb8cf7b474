"""What every ModelRegistry and TracksRuns promises. A new driver joins with one line in REGISTRIES."""

import itertools
import json
import math
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from landbridge import drivers
from landbridge.domain.errors import (
    ConflictError,
    CorruptError,
    InputError,
    NotFoundError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.domain.requests import Candidate
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.ports import ModelRegistry, TracksRuns
from tests.services.hosts import Registry, free_port

pytest_plugins = ["tests.services.running_host"]


@dataclass(frozen=True)
class Bench:
    """One driver: how to connect, where its files lie, how a job logs, and a connection to a service that is down."""

    connect: Callable[[], ModelRegistry]
    storage: Path
    log: Callable[[str, Mapping[str, float]], None]
    down: Callable[[], ModelRegistry]


def inventory(home: Path) -> Inventory:
    return Inventory("test", "inventory.yaml", str(home), {}, {}, {})


def memory(request: pytest.FixtureRequest, home: Path) -> Bench:
    root = home / "sites" / "cloud" / "registry"

    def log(run_id: str, metrics: Mapping[str, float]) -> None:
        (root / "runs" / f"{run_id}.metrics.json").write_text(json.dumps(metrics))

    def down() -> ModelRegistry:
        broken = home / "broken"
        names = ("register", "find", "versions", "set_alias", "fetch", "start_run", "metrics", "end_run")
        plan = FaultPlan(broken / "sites" / "cloud" / "registry")
        plan.plan(**{name: ["TargetUnavailableError"] for name in names})
        return drivers.model_registry(RegistrySpec("cloud", "memory"), inventory(broken))

    return Bench(lambda: drivers.model_registry(RegistrySpec("cloud", "memory"), inventory(home)), root, log, down)


def mlflow(request: pytest.FixtureRequest, home: Path) -> Bench:
    server = request.getfixturevalue("mlflow_server")

    steps = itertools.count()

    def log(run_id: str, metrics: Mapping[str, float]) -> None:
        step = next(steps)
        body = [{"key": key, "value": text(value), "timestamp": 1, "step": step} for key, value in metrics.items()]
        url = f"{server.url}/api/2.0/mlflow/runs/log-batch"
        httpx.post(url, json={"run_id": run_id, "metrics": body}).raise_for_status()

    def text(value: float) -> str:
        return "NaN" if math.isnan(value) else str(value)  # the server reads "nan" as 0

    def connect(uri: str) -> ModelRegistry:
        return drivers.model_registry(RegistrySpec("cloud", "mlflow", {"uri": uri}), inventory(home))

    return Bench(lambda: connect(server.url), server.artifacts, log, lambda: connect(f"http://127.0.0.1:{free_port()}"))


REGISTRIES = [pytest.param(memory, id="memory"), pytest.param(mlflow, id="mlflow", marks=pytest.mark.services)]


@pytest.fixture(params=REGISTRIES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    made: Bench = request.param(request, tmp_path / "home")
    return made


@pytest.fixture
def model() -> str:
    return f"flights-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def candidate(tmp_path: Path, model: str) -> Candidate:
    """model/ {MLmodel, empty, data/weights+1 é.bin}"""
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text(f"flavors: {model}\n")
    (folder / "empty").touch()
    (folder / "data" / "weights+1 é.bin").write_bytes(model.encode() + bytes(range(256)) * 1000)
    tags = {"landbridge.scenario": "flights", "landbridge.data": "sha256:00"}
    return Candidate(model, f"{model}-k1", str(folder), "", tags, {"rmse": 1.5, "rows": 100.0})


def tracker(bench: Bench) -> TracksRuns:
    found = bench.connect()
    assert isinstance(found, TracksRuns)
    return found


def tree(folder: str | Path) -> dict[str, bytes]:
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_registered_version_carries_lineage_metrics_and_digest(bench: Bench, candidate: Candidate) -> None:
    made = bench.connect().register(candidate)
    assert (made.model, made.version) == (candidate.model, "1")
    assert made.digest.startswith("sha256:")
    assert made.run_id
    assert made.metrics == candidate.metrics
    assert made.tags.items() >= {**candidate.tags, "landbridge.run_key": candidate.run_key}.items()
    assert bench.connect().find(candidate.model, version="1") == made


def test_second_register_of_a_run_key_returns_the_first_version(bench: Bench, candidate: Candidate) -> None:
    first = bench.connect().register(candidate)
    (Path(candidate.folder) / "MLmodel").write_text("something else")
    again = bench.connect().register(replace(candidate, metrics={"rmse": 9.0}))
    assert again == first
    assert len(bench.connect().versions(candidate.model)) == 1


def test_versions_come_newest_first_with_their_aliases(bench: Bench, candidate: Candidate) -> None:
    registry = bench.connect()
    for key in ("a", "b", "c"):
        registry.register(replace(candidate, run_key=key, metrics={"rmse": float(ord(key))}))
    registry.set_alias(candidate.model, "champion", "2")
    found = bench.connect().versions(candidate.model)
    assert [(v.version, v.aliases, v.metrics["rmse"]) for v in found] == [
        ("3", (), 99.0),
        ("2", ("champion",), 98.0),
        ("1", (), 97.0),
    ]


def test_a_version_is_found_by_number_alias_or_run_key(bench: Bench, candidate: Candidate) -> None:
    registry = bench.connect()
    made = registry.register(candidate)
    registry.set_alias(candidate.model, "champion", "1")
    expected = replace(made, aliases=("champion",))
    assert registry.find(candidate.model, version="1") == expected
    assert registry.find(candidate.model, alias="champion") == expected
    assert registry.find(candidate.model, run_key=candidate.run_key) == expected


@pytest.mark.parametrize("by", [{"version": "7"}, {"version": "x"}, {"alias": "champion"}, {"run_key": "k'9"}])
def test_what_is_not_there_is_none(bench: Bench, candidate: Candidate, by: dict[str, str]) -> None:
    assert bench.connect().find(candidate.model, **by) is None
    bench.connect().register(candidate)
    assert bench.connect().find(candidate.model, **by) is None


def test_a_search_by_two_things_or_none_is_refused(bench: Bench, model: str) -> None:
    with pytest.raises(InputError):
        bench.connect().find(model)
    with pytest.raises(InputError):
        bench.connect().find(model, version="1", alias="champion")


def test_an_unknown_model_has_no_versions(bench: Bench, model: str) -> None:
    assert bench.connect().versions(model) == ()


def test_an_alias_moves_and_goes_and_repeating_is_harmless(bench: Bench, candidate: Candidate) -> None:
    registry = bench.connect()
    registry.register(candidate)
    registry.register(replace(candidate, run_key="other"))
    for version in ("1", "1", "2", "2"):
        registry.set_alias(candidate.model, "champion", version)
        found = bench.connect().find(candidate.model, alias="champion")
        assert found is not None
        assert found.version == version
    for _ in range(2):
        registry.set_alias(candidate.model, "champion", "")
        assert bench.connect().find(candidate.model, alias="champion") is None


def test_removing_an_alias_of_an_unknown_model_is_silent(bench: Bench, model: str) -> None:
    bench.connect().set_alias(model, "champion", "")


def test_an_alias_for_a_version_that_is_not_there_is_refused(bench: Bench, candidate: Candidate) -> None:
    bench.connect().register(candidate)
    with pytest.raises(NotFoundError):
        bench.connect().set_alias(candidate.model, "champion", "9")


def test_fetch_brings_every_file_and_its_digest(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    made = bench.connect().register(candidate)
    for _ in range(2):
        assert bench.connect().fetch(made, str(tmp_path / "copy")) == made.digest
        assert tree(tmp_path / "copy") == tree(candidate.folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_fetch_fills_an_empty_folder(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    bench.connect().fetch(bench.connect().register(candidate), str(tmp_path / "copy"))
    assert tree(tmp_path / "copy") == tree(candidate.folder)


def test_fetch_leaves_a_folder_with_other_content_alone(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    made = bench.connect().register(candidate)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError):
        bench.connect().fetch(made, str(tmp_path / "mine"))
    assert tree(tmp_path / "mine") == {"thesis.txt": b"years of work"}


def test_fetch_of_damaged_files_is_refused_and_leaves_nothing(
    bench: Bench, candidate: Candidate, tmp_path: Path
) -> None:
    made = bench.connect().register(candidate)
    content = (Path(candidate.folder) / "MLmodel").read_bytes()
    stored = [path for path in bench.storage.rglob("MLmodel") if path.read_bytes() == content]
    assert stored
    for path in stored:
        path.write_bytes(content[:-1])
    with pytest.raises(CorruptError, match=candidate.model):
        bench.connect().fetch(made, str(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


def test_fetch_of_a_version_that_is_not_there_says_so(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    made = bench.connect().register(candidate)
    with pytest.raises(NotFoundError):
        bench.connect().fetch(replace(made, version="9"), str(tmp_path / "copy"))


def test_a_job_that_left_no_model_registers_nothing(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(NotFoundError):
        bench.connect().register(replace(candidate, folder=str(tmp_path / "nothing")))
    assert bench.connect().versions(candidate.model) == ()


def test_second_start_of_a_run_returns_the_first(bench: Bench, model: str) -> None:
    first = tracker(bench).start_run("k1", model, {"landbridge.scenario": "flights"})
    assert tracker(bench).start_run("k1", model, {}) == first
    assert tracker(bench).start_run("k2", model, {}).run_id != first.run_id
    assert first.environment


def test_metrics_are_the_last_values_that_the_job_logged(bench: Bench, model: str) -> None:
    run = tracker(bench).start_run("k1", model, {})
    assert tracker(bench).metrics(run.run_id) == {}
    bench.log(run.run_id, {"rmse": 2.0})
    bench.log(run.run_id, {"rmse": 1.0, "bad": math.nan})
    found = tracker(bench).metrics(run.run_id)
    assert found["rmse"] == 1.0
    assert math.isnan(found["bad"])


def test_a_run_can_be_ended_twice(bench: Bench, model: str) -> None:
    run = tracker(bench).start_run("k1", model, {})
    tracker(bench).end_run(run.run_id, succeeded=True)
    tracker(bench).end_run(run.run_id, succeeded=False)


def test_an_unknown_run_is_named(bench: Bench) -> None:
    for ask in (lambda: tracker(bench).metrics("gone"), lambda: tracker(bench).end_run("gone", True)):
        with pytest.raises(NotFoundError, match="gone"):
            ask()


def test_registering_logs_the_metrics_that_the_run_lacks(bench: Bench, candidate: Candidate) -> None:
    run = tracker(bench).start_run(candidate.run_key, candidate.model, {})
    bench.log(run.run_id, {"rmse": 1.25})
    made = bench.connect().register(replace(candidate, run_id=run.run_id))
    assert made.run_id == run.run_id
    assert tracker(bench).metrics(run.run_id) == {"rmse": 1.25, "rows": 100.0}


def test_a_run_of_another_site_gets_a_stand_in_with_the_approved_metrics_only(
    bench: Bench, candidate: Candidate
) -> None:
    made = bench.connect().register(replace(candidate, run_id="d" * 32, metrics={"rmse": 1.5}))
    assert made.run_id not in ("", "d" * 32)
    assert tracker(bench).metrics(made.run_id) == {"rmse": 1.5}
    assert made.tags["landbridge.origin_run_id"] == "d" * 32


def test_a_registry_that_is_down_may_heal(bench: Bench, candidate: Candidate, tmp_path: Path) -> None:
    """Every method says so within seconds, with what to do, and as the one error that is retried."""
    made = bench.connect().register(candidate)
    registry = bench.down()
    assert isinstance(registry, TracksRuns)
    calls: list[Callable[[], object]] = [
        lambda: registry.register(candidate),
        lambda: registry.find(candidate.model, version="1"),
        lambda: registry.versions(candidate.model),
        lambda: registry.set_alias(candidate.model, "champion", "1"),
        lambda: registry.fetch(made, str(tmp_path / "copy")),
        lambda: registry.start_run("k", candidate.model, {}),
        lambda: registry.metrics("some"),
        lambda: registry.end_run("some", True),
    ]
    for call in calls:
        with pytest.raises(TargetUnavailableError) as caught:
            call()
        assert caught.value.hint


@pytest.mark.services
def test_a_job_with_the_runs_environment_logs_to_it(mlflow_server: Registry, tmp_path: Path, model: str) -> None:
    """With mlflow as the job uses it: no URI, no run id in its code."""
    registry = drivers.model_registry(
        RegistrySpec("cloud", "mlflow", {"uri": mlflow_server.url}),
        inventory(tmp_path),
    )
    assert isinstance(registry, TracksRuns)
    run = registry.start_run("k1", model, {})
    subprocess.run(
        [sys.executable, "-c", "import mlflow; mlflow.log_metric('rmse', 0.5)"],
        env={**os.environ, **run.environment},
        check=True,
        timeout=60,
    )
    assert registry.metrics(run.run_id) == {"rmse": 0.5}
