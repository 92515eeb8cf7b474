"""A Kubernetes cluster as a target: a training job is a Job, a colour a Deployment behind a Service or a Gateway."""

from collections.abc import Iterable, Mapping

from landbridge.domain.inventory import Inventory, Target
from landbridge.ports import Driver, OperatedTarget, OptionProblem, ServingTarget, TrainingTarget


def _training(target: Target, inventory: Inventory) -> TrainingTarget:
    from landbridge.drivers.kubernetes.training import KubernetesTraining

    return KubernetesTraining(target, inventory)


def _serving(target: Target, inventory: Inventory) -> ServingTarget:
    from landbridge.drivers.kubernetes.serving import KubernetesServing

    return KubernetesServing(target, inventory)


def _operations(target: Target, inventory: Inventory) -> OperatedTarget:
    from landbridge.drivers.kubernetes.operating import OperatedCluster

    return OperatedCluster(target, inventory)


def _check(target: Target) -> Iterable[OptionProblem]:
    from landbridge.drivers.kubernetes.options import option_problems

    return option_problems(target.options)


def _addresses(target: Target, inventory: Inventory) -> Mapping[str, str]:
    from landbridge.drivers.kubernetes.addresses import addresses

    return addresses(target, inventory)


def _public_egress(target: Target, inventory: Inventory) -> tuple[str, ...]:
    from landbridge.drivers.kubernetes.egress import public_egress

    return public_egress(target, inventory)


DRIVER = Driver(
    training=_training,
    serving=_serving,
    operations=_operations,
    check=_check,
    addresses=_addresses,
    public_egress=_public_egress,
)
