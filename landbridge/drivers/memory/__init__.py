"""A driver that runs nothing: a true implementation of every port, with a fault plan. For tests and for reading.

State that another process must see lies in small files under the inventory's home.
"""

from landbridge.domain.inventory import Datastore, Inventory, RegistrySpec, Target
from landbridge.ports import DataStore, Driver, ModelRegistry, ServingTarget, TrainingTarget


def _training(target: Target, inventory: Inventory) -> TrainingTarget:
    from landbridge.drivers.memory.training import MemoryTraining

    return MemoryTraining(target, inventory)


def _serving(target: Target, inventory: Inventory) -> ServingTarget:
    from landbridge.drivers.memory.serving import connect

    return connect(target, inventory)


def _registry(spec: RegistrySpec, inventory: Inventory) -> ModelRegistry:
    from landbridge.drivers.memory.registry import connect

    return connect(spec, inventory)


def _data(datastore: Datastore, inventory: Inventory) -> DataStore:
    from landbridge.drivers.memory.data import MemoryData

    return MemoryData(datastore, inventory)


def _public_egress(target: Target, inventory: Inventory) -> tuple[str, ...]:
    from landbridge.drivers.memory.training import public_egress

    return public_egress(target, inventory)


DRIVER = Driver(training=_training, serving=_serving, registry=_registry, data=_data, public_egress=_public_egress)
