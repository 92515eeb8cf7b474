"""Predict a flight's arrival delay, in minutes, from what is known when it leaves the gate.

An ordinary Azure ML command job: paths and numbers come as arguments, the tracking server and the run from
MLFLOW_TRACKING_URI and MLFLOW_RUN_ID. It knows nothing of landbridge.
"""

import argparse
import sys
from pathlib import Path

import mlflow
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

WORDS = ["carrier", "origin", "dest"]
NUMBERS = ["dep_delay", "distance", "sched_dep_time", "sched_arr_time"]
FEATURES = WORDS + NUMBERS
TARGET = "arr_delay"
ROW_ID = ["year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"]
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"  # skops asks: the job made them itself
HELD_OUT = 5  # every fifth flight of the newest month, chosen by its identity


def read_months(folder: Path) -> list[pd.DataFrame]:
    """One table per month, oldest first, without flights that never arrived."""
    files = sorted(folder.glob("flights-*.csv"))
    if not files:
        sys.exit(f"No flights-*.csv in {folder}. Run prepare.py, or point --flights to its output.")
    return [read_month(file) for file in files]


def read_month(file: Path) -> pd.DataFrame:
    table = pd.read_csv(file)
    needed = dict.fromkeys([*FEATURES, *ROW_ID, TARGET])
    missing = [column for column in needed if column not in table.columns]
    if missing:
        sys.exit(f"{file.name}: no column {', '.join(map(repr, missing))}. It has: {', '.join(table.columns)}.")
    arrived = table.dropna(subset=[*NUMBERS, TARGET])
    return arrived.astype(dict.fromkeys(NUMBERS, "float64"))


def split(months: list[pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on everything but a fixed part of the newest month; a flight never changes sides."""
    newest = months[-1]
    held_out = pd.util.hash_pandas_object(newest[ROW_ID], index=False) % HELD_OUT == 0
    return pd.concat([*months[:-1], newest[~held_out]], ignore_index=True), newest[held_out]


def pipeline(max_iter: int, learning_rate: float) -> Pipeline:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("words", encoder, WORDS), ("numbers", "passthrough", NUMBERS)])
    model = HistGradientBoostingRegressor(max_iter=max_iter, learning_rate=learning_rate, random_state=0)
    return Pipeline([("columns", columns), ("model", model)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", type=Path, required=True, help="folder with flights-YYYY-MM.csv")
    parser.add_argument("--max-iter", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--model", type=Path, required=True, help="folder for the model")
    arguments = parser.parse_args()

    months = read_months(arguments.flights)
    known, held_out = split(months)
    print(f"{len(months)} months: {len(known)} flights to learn from, {len(held_out)} held out", flush=True)
    with mlflow.start_run():  # resumes MLFLOW_RUN_ID
        mlflow.log_params({"max_iter": arguments.max_iter, "learning_rate": arguments.learning_rate})
        model = pipeline(arguments.max_iter, arguments.learning_rate).fit(known[FEATURES], known[TARGET])
        predicted = model.predict(held_out[FEATURES])
        metrics = {
            "mae": float(mean_absolute_error(held_out[TARGET], predicted)),
            "rmse": float(root_mean_squared_error(held_out[TARGET], predicted)),
            "rows": float(len(held_out)),
        }
        mlflow.log_metrics(metrics)
        print(" ".join(f"{name}={value:.3f}" for name, value in metrics.items()), flush=True)
        save(model, held_out[FEATURES].head(3), arguments.model)


def save(model: Pipeline, example: pd.DataFrame, folder: Path) -> None:
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=mlflow.models.infer_signature(example, model.predict(example)),
        input_example=example,
        skops_trusted_types=[TREES],
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"pandas=={pd.__version__}"],
    )


if __name__ == "__main__":
    main()
