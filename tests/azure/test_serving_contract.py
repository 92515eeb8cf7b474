"""The contract of serving over Azure's online endpoints, on a Kubernetes compute and managed, against the double."""

from pathlib import Path

import pytest

from tests.azure.double.double import Double
from tests.azure.serving import PLACES, SETTLE_SECONDS, inventory, prepare
from tests.contract import test_serving_target as contract
from tests.contract.test_serving_target import *  # noqa: F403 - its tests and fixtures; `bench` is replaced below
from tests.contract.test_serving_target import Bench
from tests.services.tiny_models import line

pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture(params=PLACES)
def bench(request: pytest.FixtureRequest, azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(contract, "READY_SECONDS", SETTLE_SECONDS)
    prepare(azure)
    here = inventory(azure.places, tmp_path, request.param)
    down = inventory(azure.places, tmp_path / "down", request.param, workspace="down")
    return Bench(here, (line(1.0), line(2.0)), down)


@pytest.fixture(autouse=True)
def _unreachable(request: pytest.FixtureRequest, azure: Double) -> None:
    """A workspace `down` that answers nothing but 503, for the tests that ask one."""
    if request.node.originalname == "test_a_target_that_is_down_says_so":
        azure.faults.add("", "/workspaces/down/", status=503, times=None)
