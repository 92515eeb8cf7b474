"""The fixture `local_serving`: one real agent for all suites of a session (`pytest_plugins` names this module)."""

from collections.abc import Iterator

import pytest

from tests.services.serving_host import ServingHost, serving_host


@pytest.fixture(scope="session")
def local_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHost]:
    with serving_host(tmp_path_factory.mktemp("serving")) as host:
        yield host
