"""Metrics of a job reach a real MLflow behind the workspace's tracking address."""

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.azure.double.double import Double
from tests.services.hosts import Registry

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

pytest_plugins = ["tests.services.running_host"]
pytestmark = pytest.mark.azure  # it starts a host, for its MLflow
DEADLINE_SECONDS = 60.0


@pytest.fixture
def tracking_url(mlflow_server: Registry) -> str:
    return mlflow_server.url


def test_a_jobs_metrics_reach_mlflow(azure: Double, ml: "MLClient", mlflow_server: Registry) -> None:
    """With mlflow as the job uses it: no address in its code."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    line = "python -c \"import mlflow; mlflow.log_metric('rmse', 0.25)\""
    ml.jobs.create_or_update(
        command(command=line, environment=Environment(image="x"), name="tracked", experiment_name="azure-tracks")
    )
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (job := ml.jobs.get("tracked")).status not in ("Completed", "Failed") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job.status == "Completed", azure.jobs.run("tracked").error
    api = f"{mlflow_server.url}/api/2.0/mlflow"
    experiment = httpx.get(f"{api}/experiments/get-by-name", params={"experiment_name": "azure-tracks"}).json()[
        "experiment"
    ]
    found = httpx.post(f"{api}/runs/search", json={"experiment_ids": [experiment["experiment_id"]]}).json()["runs"]
    assert [one["data"]["metrics"][0]["value"] for one in found] == [0.25]


def test_nobody_tracks_without_a_token(azure: Double) -> None:
    url = f"https://{azure.places.api_host}/mlflow/v1.0{azure.places.workspace_id}/api/2.0/mlflow/experiments/search"
    assert httpx.post(url, json={"max_results": 1}).status_code == 401
    headers = {"Authorization": f"Bearer {azure.login.issue('https://management.azure.com')}"}
    assert httpx.post(url, json={"max_results": 1}, headers=headers).status_code == 200
