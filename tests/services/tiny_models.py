"""Tiny models in MLflow's format, each made once per test session: a line y = slope * x, and models that are not good."""

import functools
import tempfile
import warnings
from pathlib import Path

from landbridge.drivers.trees import digest_folder

BODY = '{"dataframe_split": {"columns": ["x"], "data": [[2.0], [3.0]]}}'


def make_line(folder: Path, slope: float) -> None:
    """Save a model that predicts slope * x."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own, at its import
        import mlflow.sklearn
        import pandas as pd
        from mlflow.models import infer_signature
        from sklearn.linear_model import LinearRegression

        table = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
        model = LinearRegression().fit(table, table["x"] * slope)
        signature = infer_signature(table, model.predict(table))
        mlflow.sklearn.save_model(model, str(folder), signature=signature, pip_requirements=[])


@functools.lru_cache
def line(slope: float) -> tuple[str, str]:
    """Folder and digest of a line with that slope."""
    folder = Path(tempfile.mkdtemp(prefix="line-")) / "model"
    make_line(folder, slope)
    return str(folder), digest_folder(folder)
