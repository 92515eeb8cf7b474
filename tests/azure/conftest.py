"""The fixtures `azure`, a double of Azure for one test, and `ml`, the unmodified SDK's client for its workspace."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.azure.double.double import Double, running
from tests.azure.double.ground import Ground

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the SDK is not for the quick run."""
    for item in items:
        if "ml" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.azure)
            item.add_marker(pytest.mark.filterwarnings("ignore::DeprecationWarning"))  # of its own, at import and use


@pytest.fixture(scope="session")
def azure_ground() -> Iterator[Ground]:
    """The loop, the authority and the warm fork server of all doubles of the session."""
    ground = Ground()
    yield ground
    ground.close()


@pytest.fixture
def azure(azure_ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """A double with an empty workspace, for which the environment variables are set.

    The test fails at its end when something was asked that is not Azure's, or asked or answered otherwise than Azure
    specifies. A test that provokes just that says so with `azure.expect`.
    """
    with running(azure_ground) as double:
        for name, value in double.environment.items():
            monkeypatch.setenv(name, value)
        yield double
        double.verify()


@pytest.fixture
def ml(azure: Double) -> "MLClient":
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    places = azure.places
    scope = (places.subscription, places.resource_group, places.workspace)
    return MLClient(DefaultAzureCredential(), *scope, enable_telemetry=False, show_progress=False)
