"""The contract suite of serving, unchanged, on a real cluster: only the driver under test is another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.clusters import Clusters
from tests.cluster.teams import Team, a_team
from tests.contract import test_serving_target as contract
from tests.contract.test_serving_target import *  # noqa: F403  # its tests and fixtures; `bench` is replaced below
from tests.contract.test_serving_target import Bench
from tests.services.tiny_models import line


@pytest.fixture(scope="module")
def team(lab: Clusters) -> Iterator[Team]:
    with a_team(lab.onprem) as made:
        yield made


@pytest.fixture
def bench(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(
        contract, "READY_SECONDS", 150.0
    )  # a pod imports MLflow from nothing, on a machine that others use
    return Bench(team.inventory(tmp_path), (line(1.0), line(2.0)), team.down(tmp_path / "down"))
