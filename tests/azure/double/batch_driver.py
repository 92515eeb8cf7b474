"""What a batch job runs: a folder of files in mini batches through `init()` and `run()`, or through an MLflow model.

Started as a file by the double, in the folder of the scoring code, with one JSON argument: `script` ("" = the model is
MLflow's), `model`, `model_name`, `data`, `output`, `file_name`, `mini_batch_size`, `error_threshold` (-1 = none),
`max_retries`, `action` (AppendRow, SummaryOnly).
"""

import importlib.util
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Order = dict[str, Any]
MiniBatch = Callable[[list[str]], Any]


def main(order: Order) -> int:
    """Returns the exit code: 1 when more files failed than the threshold allows."""
    score = script(order) if order["script"] else mlflow_model(order)
    data = Path(order["data"])
    files = [str(path) for path in (sorted(data.rglob("*")) if data.is_dir() else [data]) if path.is_file()]
    size, rows, failed = order["mini_batch_size"], [], 0
    for start in range(0, len(files), size):
        batch = files[start : start + size]
        answer = attempt(score, batch, order["max_retries"])
        if answer is None:
            failed += len(batch)
        else:
            rows += lines(answer)
    sys.stdout.write(f"{len(files)} files, {failed} failed, {len(rows)} rows\n")
    if order["action"].lower() != "summaryonly":
        Path(order["output"], order["file_name"]).write_text("".join(f"{row}\n" for row in rows))
    return int(0 <= order["error_threshold"] < failed)


def attempt(score: MiniBatch, batch: list[str], retries: int) -> Any:
    """What `run` returned, or None when it failed each time."""
    for _ in range(retries + 1):
        try:
            return score(batch)
        except Exception:  # noqa: BLE001  # a user's code may raise anything; it counts as failed files
            traceback.print_exc()
    return None


def lines(answer: Any) -> list[str]:
    if hasattr(answer, "to_csv"):
        return [line for line in answer.to_csv(sep=" ", header=False, index=False).splitlines() if line]
    return [str(row) for row in answer]


def script(order: Order) -> MiniBatch:
    os.environ["AZUREML_MODEL_DIR"] = model_root(order)
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.spec_from_file_location("score", order["script"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.init()
    return module.run


def model_root(order: Order) -> str:
    """The registered folder or file lies inside AZUREML_MODEL_DIR, under its own name."""
    root = Path(tempfile.mkdtemp())
    (root / order["model_name"]).symlink_to(order["model"])
    return str(root)


def mlflow_model(order: Order) -> MiniBatch:
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(order["model"])

    def run(batch: list[str]) -> Any:
        tables = []
        for path in batch:
            read = pd.read_parquet if path.endswith(".parquet") else pd.read_csv
            predicted = model.predict(read(path))
            tables.append(
                pd.DataFrame({"row": range(len(predicted)), "prediction": predicted, "file": Path(path).name})
            )
        return pd.concat(tables)

    return run


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))
