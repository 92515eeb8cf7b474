"""What the tests with the SDK share: code that a job runs, and how a job is waited for and a model is asked."""

import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--lr"); parser.add_argument("--data"); parser.add_argument("--model")
args = parser.parse_args()
pathlib.Path(args.model).mkdir(exist_ok=True)
pathlib.Path(args.model, "weights.txt").write_text(args.lr + pathlib.Path(args.data).read_text())
pathlib.Path("outputs/metrics.txt").write_text("0.9")
print("trained with", os.environ["DEPTH"], "in run", os.environ["AZUREML_RUN_ID"], flush=True)
"""
SCORE = """
import json, os
def init():
    global weights
    weights = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weights.txt")).read()
def run(data):
    return {"weights": weights, "asked": json.loads(data)["ask"]}
"""
ENDED = ("Completed", "Failed", "Canceled")
DEADLINE_SECONDS = 60.0


def wait(ml: "MLClient", name: str, *wanted: str) -> Any:
    """The job, once its status is one of `wanted` (or it ended)."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        job = ml.jobs.get(name)
        if job.status in (*wanted, *ENDED):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {job.status}")


def ask(url: str, key: str, body: object, colour: str = "") -> httpx.Response:
    header = {"azureml-model-deployment": colour} if colour else {}
    return httpx.post(url, json=body, headers={"Authorization": f"Bearer {key}", **header})
