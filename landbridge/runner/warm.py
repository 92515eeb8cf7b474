"""Importing this module does once what would make every model server and flow run slow to start.

It imports MLflow's scoring, scikit-learn and pandas, and takes one tiny model through save, load and a request: many
imports happen only then (measured: 1.4 s to a child's first answer without, 0.1-0.3 s with). No thread may be left
behind, and no OpenMP region run here: libgomp hangs in a child after it.
"""

import asyncio
import json
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would start a thread
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow.pyfunc
import mlflow.sklearn
import pandas as pd
import uvicorn.lifespan.off
import uvicorn.loops.asyncio
import uvicorn.protocols.http.h11_impl  # noqa: F401
from mlflow.models import infer_signature
from mlflow.pyfunc import scoring_server
from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: F401
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

_BODY = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}).encode()


def _rehearse() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    model = Pipeline([("scale", StandardScaler()), ("fit", LinearRegression())]).fit(table, [1.0, 2.0, 3.0])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model")
        signature = infer_signature(table, model.predict(table))
        mlflow.sklearn.save_model(model, path, signature=signature, pip_requirements=[])
        app = scoring_server.init(mlflow.pyfunc.load_model(path))
        asyncio.run(_ask(app))


async def _ask(app: Any) -> None:
    """One request, without a server: builds the routes' machinery and the prediction path."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/invocations",
        "raw_path": b"/invocations",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"content-type", b"application/json")],
        "client": None,
        "server": None,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": _BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if sent[0]["status"] != 200:
        raise RuntimeError(f"The rehearsal's request was answered {sent}.")


logging.getLogger("mlflow").setLevel(logging.ERROR)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    _rehearse()
logging.getLogger("mlflow").setLevel(logging.NOTSET)
