"""Reads the months there are, logs its metrics over REST, and writes a model that predicts their number.

Standard library only: importing MLflow alone would take twenty times as long as all of this.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path

COLUMNS = {"month", "arr_delay"}
MLMODEL = """\
flavors:
  python_function: {loader_module: constant, code: code, data: value.json}
mlflow_version: 3.17.2
"""


def months(folder: Path) -> int:
    files = sorted(folder.glob("flights-*.csv"))
    for file in files:
        with file.open(newline="") as stream:
            missing = sorted(COLUMNS - set(next(csv.reader(stream))))
        if missing:
            sys.exit(f"{file.name}: no column {', '.join(map(repr, missing))}.")
    return len(files)


def log_metrics(metrics: dict[str, float]) -> None:
    now = int(time.time() * 1000)
    rows = [{"key": key, "value": value, "timestamp": now, "step": 0} for key, value in metrics.items()]
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-batch",
        json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "metrics": rows}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()


def save(folder: Path, value: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "code").mkdir()
    shutil.copy(Path(__file__).with_name("constant.py"), folder / "code" / "constant.py")
    (folder / "value.json").write_text(json.dumps(value))
    (folder / "MLmodel").write_text(MLMODEL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flights", type=Path, required=True)
    parser.add_argument("--mae", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=0.0, help="work that is still to do before the end")
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()
    count = months(arguments.flights)
    sys.stdout.write(f"{count} months\n")
    sys.stdout.flush()
    time.sleep(arguments.seconds)
    log_metrics({"mae": arguments.mae, "rmse": arguments.mae, "rows": 2000.0})
    save(arguments.model, float(count))


main()
