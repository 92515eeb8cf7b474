"""The fixtures `azure`, a double of Azure for one test, and `ml`, the unmodified SDK's client for its workspace."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from landbridge.drivers.azureml import client
from landbridge.drivers.azureml.options import Place
from tests.azure.double.double import Double, running
from tests.azure.double.ground import Ground
from tests.azure.sdk import SCORE, TRAIN

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.azure)
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))  # of its own, at import and use


@pytest.fixture(scope="session")
def azure_ground() -> Iterator[Ground]:
    """The loop, the authority and the warm fork server of all doubles of the session."""
    ground = Ground()
    if aiohttp := sys.modules.get("aiohttp.connector"):
        # It made its context when it was imported, and never looks at SSL_CERT_FILE again. A new process needs nothing.
        aiohttp._SSL_CONTEXT_VERIFIED.load_verify_locations(ground.authority.pem)
    yield ground
    ground.close()


@pytest.fixture
def tracking_url() -> str:
    """A real MLflow server behind the workspace's tracking address; a test module that has one says so here."""
    return ""


@pytest.fixture
def azure(azure_ground: Ground, monkeypatch: pytest.MonkeyPatch, tracking_url: str) -> Iterator[Double]:
    """A double with an empty workspace, for which the environment variables are set.

    The test fails at its end when something was asked that is not Azure's, or asked or answered otherwise than Azure
    specifies. A test that provokes just that says so with `azure.expect`.
    """
    with running(azure_ground, mlflow_url=tracking_url) as double:
        for name, value in double.environment.items():
            monkeypatch.setenv(name, value)
        client.forget()  # another workspace under the same names
        yield double
        double.verify()


@pytest.fixture(scope="module")
def azure_for_a_host(azure_ground: Ground) -> Iterator[Double]:
    """The same for the life of a host that the module starts: its processes take over this one's variables."""
    with running(azure_ground) as double, pytest.MonkeyPatch.context() as patch:
        for name, value in double.environment.items():
            patch.setenv(name, value)
        yield double
        double.verify()


@pytest.fixture
def workspace(azure: Double) -> client.Workspace:
    """The workspace, as the azureml driver asks it."""
    places = azure.places
    return client.Workspace(Place(places.subscription, places.resource_group, places.workspace))


@pytest.fixture
def ml(azure: Double, monkeypatch: pytest.MonkeyPatch) -> "MLClient":
    """The SDK's client. Its `invoke` writes each call's deployment into a constant, and so sends it with all later calls."""
    from azure.ai.ml import MLClient
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields
    from azure.identity import DefaultAzureCredential

    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", {**EndpointInvokeFields.DEFAULT_HEADER})
    places = azure.places
    scope = (places.subscription, places.resource_group, places.workspace)
    return MLClient(DefaultAzureCredential(), *scope, enable_telemetry=False, show_progress=False)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "score.py").write_text(SCORE)
    return folder


@pytest.fixture
def submit(ml: "MLClient", code: Path) -> Callable[..., Any]:
    """Submit a command job with the code, on compute `k8s` unless told otherwise."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    def make(line: str, **more: Any) -> Any:
        usual = {"compute": "k8s", "environment": Environment(image="mcr.microsoft.com/azureml/minimal:latest")}
        job = command(command=line, code=str(code), **{**usual, **more})
        return ml.jobs.create_or_update(job)

    return make
