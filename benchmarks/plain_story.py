"""The story of the overhead benchmark in one plain Python script: what somebody would write by hand, with the same effects.

Train as scenarios/flight-delay does, log to MLflow, check the metric, register, copy the model to where it serves,
ask it the smoke requests, move the champion alias. No isolation, no resume, no router.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import mlflow
import pandas as pd

HERE = Path(__file__).parents[1] / "scenarios" / "flight-delay"
sys.path.insert(0, str(HERE / "src"))

import train  # noqa: E402 - the scenario's own training code


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flights", type=Path, required=True)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--serving", type=Path, required=True, help="folder of the pretend serving site")
    arguments = parser.parse_args()
    mlflow.set_tracking_uri(arguments.tracking_uri)
    mlflow.set_experiment("plain")
    model_folder = arguments.serving / "trained"
    shutil.rmtree(model_folder, ignore_errors=True)
    with mlflow.start_run() as run:
        sys.argv = ["train.py", "--flights", str(arguments.flights), "--max-iter", "60", "--model", str(model_folder)]
        mae = in_run(model_folder)
        if mae > 18:
            sys.exit(f"mae {mae} is too high")
        mlflow.log_artifacts(str(model_folder), "model")
    client = mlflow.MlflowClient()
    registered(client, "plain")
    version = client.create_model_version("plain", f"{run.info.artifact_uri}/model", run.info.run_id)
    serving = arguments.serving / version.version
    mlflow.artifacts.download_artifacts(version.source, dst_path=str(serving))
    model = mlflow.pyfunc.load_model(str(serving / "model"))
    for request in json.loads((HERE / "smoke.json").read_text()):
        model.predict(pd.DataFrame(**request["dataframe_split"]).astype(dict.fromkeys(train.NUMBERS, float)))
    client.set_registered_model_alias("plain", "champion", version.version)


def in_run(model_folder: Path) -> float:
    """Train within the active run, as train.py's main does; returns the hold-out error."""
    parsed = argparse.Namespace(flights=Path(sys.argv[2]), max_iter=60, learning_rate=0.1, model=model_folder)
    months = train.read_months(parsed.flights)
    known, held_out = train.split(months)
    model = train.pipeline(parsed.max_iter, parsed.learning_rate).fit(known[train.FEATURES], known[train.TARGET])
    predicted = model.predict(held_out[train.FEATURES])
    mae = float(train.mean_absolute_error(held_out[train.TARGET], predicted))
    rmse = float(train.root_mean_squared_error(held_out[train.TARGET], predicted))
    mlflow.log_params({"max_iter": parsed.max_iter, "learning_rate": parsed.learning_rate})
    mlflow.log_metrics({"mae": mae, "rmse": rmse, "rows": float(len(held_out))})
    train.save(model, held_out[train.FEATURES].head(3), parsed.model)
    return mae


def registered(client: mlflow.MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


if __name__ == "__main__":
    main()
