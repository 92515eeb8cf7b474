"""This machine as a target: a job is a process with a directory of its own, a colour a process behind Envoy."""

from landbridge.domain.inventory import Inventory, Target
from landbridge.ports import Driver, ServingTarget, TrainingTarget


def _training(target: Target, inventory: Inventory) -> TrainingTarget:
    from landbridge.drivers.local.training import LocalTraining

    return LocalTraining(target, inventory)


def _serving(target: Target, inventory: Inventory) -> ServingTarget:
    from landbridge.drivers.local.serving import connect

    return connect(target, inventory)


DRIVER = Driver(training=_training, serving=_serving)
