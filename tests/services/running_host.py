"""Fixtures: a real `landbridge up`. A test module has them by `pytest_plugins = ["tests.services.running_host"]`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.hosts import Registry, RunningHost, make_host, started, until


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """One host for all tests that leave it up."""
    running = started(make_host(tmp_path_factory.mktemp("host")))
    yield running
    running.client.down()
    until(lambda: not running.processes(), 5.0)


@pytest.fixture(scope="session")
def mlflow_server(host: RunningHost) -> Registry:
    """The real MLflow server of that host."""
    return Registry(host.record["registries"]["cloud"]["url"], host.home / "sites/cloud/registry/artifacts")


@pytest.fixture
def own_host(tmp_path: Path) -> Iterator[RunningHost]:
    """A host of the test's own, not started; whatever the test did to it, nothing of it is left."""
    mine = make_host(tmp_path)
    yield mine
    for process in mine.processes():
        process.kill()
