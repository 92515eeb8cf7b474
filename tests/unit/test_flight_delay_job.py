"""The main job on real data: what it logs and saves, what it holds out, and how it fails."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

pytestmark = pytest.mark.slow  # it trains on real flights

ROOT = Path(__file__).parents[2] / "scenarios" / "flight-delay"
MINUTES = (-60, 600)


def run(script: str, *arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    if folder:
        environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'tracking.db'}"
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture(scope="module")
def flights(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "flights"
    done = run("prepare.py", "--months", "1-2", "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_each_month_is_one_file_and_the_same_every_time(flights):
    names = [file.name for file in sorted(flights.iterdir())]
    assert names == ["flights-2013-01.csv", "flights-2013-02.csv"]
    before = {file: file.read_bytes() for file in flights.iterdir()}
    assert run("prepare.py", "--months", "2", "--out", flights).returncode == 0
    assert {file: file.read_bytes() for file in flights.iterdir()} == before
    table = pd.read_csv(flights / names[0])
    assert len(table) == 27_004
    assert set(table["month"]) == {1}


@pytest.mark.parametrize("months", ["0", "13", "3-1", "x", "1-"])
def test_a_month_that_is_none_is_refused(tmp_path, months):
    done = run("prepare.py", "--months", months, "--out", tmp_path / "out")
    assert (done.returncode, (tmp_path / "out").exists()) == (2, False)


READ_BACK = """
import json, sys
import mlflow
from mlflow.pyfunc.scoring_server import infer_and_parse_data

tracking, folder, smoke = sys.argv[1:]
(run,) = mlflow.MlflowClient(tracking).search_runs(["0"])
model = mlflow.pyfunc.load_model(folder)
schema = model.metadata.get_input_schema()
answers = [list(model.predict(infer_and_parse_data(body, schema))) for body in json.load(open(smoke))]
print(json.dumps({"status": run.info.status, "metrics": run.data.metrics, "answers": answers}))
"""


def test_the_job_logs_metrics_and_saves_a_model_that_answers_the_smoke_requests(flights, tmp_path):
    done = run("src/train.py", "--flights", flights, "--max-iter", 20, "--model", tmp_path / "model", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model" / "input_example.json").is_file()
    (tmp_path / "read_back.py").write_text(READ_BACK)
    back = run(
        str(tmp_path / "read_back.py"), f"sqlite:///{tmp_path / 'tracking.db'}", tmp_path / "model", ROOT / "smoke.json"
    )
    assert back.returncode == 0, back.stderr
    found = json.loads(back.stdout.splitlines()[-1])
    metrics = found["metrics"]
    assert found["status"] == "FINISHED"
    assert 5 < metrics["mae"] < 18
    assert metrics["mae"] < metrics["rmse"]
    assert 4000 < metrics["rows"] < 6000
    assert [len(answer) for answer in found["answers"]] == [1, 2, 1]
    assert all(MINUTES[0] < value < MINUTES[1] for answer in found["answers"] for value in answer)


@pytest.fixture
def train(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "src"))
    return importlib.import_module("train")


def test_a_flight_never_changes_sides_when_a_month_grows(flights, train):
    january = train.read_month(flights / "flights-2013-01.csv")
    _, whole = train.split([january])
    _, part = train.split([january.head(10_000)])
    assert list(part.index) == [index for index in whole.index if index in set(january.head(10_000).index)]
    known, held_out = train.split([january, train.read_month(flights / "flights-2013-02.csv")])
    assert set(held_out["month"]) == {2}
    assert len(known) > len(january)


@pytest.mark.parametrize("column", ["dep_delay", "arr_delay", "carrier", "day"])
def test_a_missing_column_is_named(flights, tmp_path, train, column):
    table = pd.read_csv(flights / "flights-2013-01.csv", nrows=100).drop(columns=column)
    table.to_csv(tmp_path / "flights-2013-01.csv", index=False)
    with pytest.raises(SystemExit, match=f"flights-2013-01.csv: no column '{column}'"):
        train.read_months(tmp_path)


def test_a_folder_without_flights_ends_the_job_with_a_remedy_and_no_model(tmp_path):
    done = run("src/train.py", "--flights", tmp_path, "--model", tmp_path / "model", folder=tmp_path)
    assert done.returncode == 1
    assert "prepare.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()
