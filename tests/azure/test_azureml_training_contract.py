"""The contract of training, kept by the azureml driver on an attached Kubernetes compute of the double."""

import inspect
from collections.abc import Callable, Iterator

import pytest

from landbridge.domain.inventory import Inventory
from landbridge.domain.requests import ResolvedEnvironment
from landbridge.domain.values import Resources
from tests.azure.double.double import Double
from tests.contract import test_training_target as contract
from tests.contract.conftest import make_inventory  # noqa: F401 - a fixture

for _name, _test in list(vars(contract).items()):
    if _name.startswith("test_") and "world" in inspect.signature(_test).parameters:
        globals()[_name] = _test


@pytest.fixture
def world(
    azure: Double,
    make_inventory: Callable[..., Inventory],  # noqa: F811 - the fixture above
) -> Iterator[contract.World]:
    azure.seeds.kubernetes_compute("k8s")
    options = azure.places.options(compute="k8s")
    row = contract.Row(
        "azureml",
        options,
        contract.COMMANDS,
        environment=ResolvedEnvironment("any", image="mcr.microsoft.com/azureml/minimal:latest"),
        keeps_files=False,
        poll_seconds=0.05,
        capacity=Resources(8000, 16 << 30),
    )
    yield from contract.a_world(row, make_inventory)
