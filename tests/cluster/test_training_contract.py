"""The contract of training, kept with no other rights than those that `landbridge ops namespaces` grants, in the namespace
that it makes: what the Role leaves out, the driver does not need."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from landbridge.domain.inventory import Inventory
from landbridge.domain.requests import ResolvedEnvironment
from tests.cluster.clusters import Clusters
from tests.cluster.test_ops import NewTeam, team  # noqa: F401 - a fixture
from tests.cluster.training import IMAGE
from tests.contract import test_training_target as contract
from tests.contract.conftest import make_inventory  # noqa: F401 - a fixture

for _name, _test in list(vars(contract).items()):
    if _name.startswith("test_") and "world" in inspect.signature(_test).parameters:
        globals()[_name] = _test


@pytest.fixture
def world(
    lab: Clusters,
    team: NewTeam,  # noqa: F811 - the fixture above
    make_inventory: Callable[..., Inventory],  # noqa: F811 - the fixture above
) -> Iterator[contract.World]:
    one = team(lab.onprem)
    one.apply()
    assert "system:serviceaccount" in one.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    row = contract.Row(
        "kubernetes",
        {**one.options, "kubeconfig": str(one.kubeconfig)},
        contract.COMMANDS,
        environment=ResolvedEnvironment("any", image=IMAGE),
        keeps_files=False,
        poll_seconds=0.2,
        deadline_seconds=60.0,
    )
    yield from contract.a_world(row, make_inventory)
