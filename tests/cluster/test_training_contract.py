"""The contract of training targets on a real cluster: the same tests as for every other driver, nothing left out."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from landbridge.domain.inventory import Inventory
from landbridge.domain.requests import ResolvedEnvironment
from tests.cluster.clusters import Cluster, Clusters
from tests.cluster.training import IMAGE, options_of
from tests.contract import test_training_target as contract
from tests.contract.conftest import make_inventory  # noqa: F401 - a fixture

for _name, _test in list(vars(contract).items()):
    if _name.startswith("test_") and "world" in inspect.signature(_test).parameters:
        globals()[_name] = _test


@pytest.fixture
def world(
    lab: Clusters,
    namespace: Callable[[Cluster], str],
    make_inventory: Callable[..., Inventory],  # noqa: F811 - the fixture above
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[contract.World]:
    row = contract.Row(
        "kubernetes",
        options_of(lab.onprem, namespace(lab.onprem), monkeypatch),
        contract.COMMANDS,
        environment=ResolvedEnvironment("any", image=IMAGE),
        keeps_files=False,
        poll_seconds=0.2,
        deadline_seconds=60.0,
    )
    yield from contract.a_world(row, make_inventory)
