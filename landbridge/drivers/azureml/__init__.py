"""Azure Machine Learning: a workspace's computes as targets. Asked over REST with azure-core; azure-ai-ml is never imported."""

from collections.abc import Iterable, Mapping

from landbridge.domain.inventory import Inventory, Network, Target
from landbridge.domain.offers import OfferedCompute
from landbridge.domain.plan import Check
from landbridge.ports import CanBatchScore, Driver, OperatedTarget, OptionProblem, ServingTarget, TrainingTarget


def _training(target: Target, inventory: Inventory) -> TrainingTarget:
    from landbridge.drivers.azureml.training import AzureTraining

    return AzureTraining(target, inventory)


def _serving(target: Target, inventory: Inventory) -> ServingTarget:
    from landbridge.drivers.azureml.serving import AzureServing

    return AzureServing(target, inventory)


def _batch(target: Target, inventory: Inventory) -> CanBatchScore:
    from landbridge.drivers.azureml.batch import AzureBatch

    return AzureBatch(target, inventory)


def _operations(target: Target, inventory: Inventory) -> OperatedTarget:
    from landbridge.drivers.azureml.operating import OperatedWorkspace

    return OperatedWorkspace(target, inventory)


def _check(target: Target) -> Iterable[OptionProblem]:
    from landbridge.drivers.azureml.options import option_problems

    return option_problems(target.options)


def _addresses(target: Target, inventory: Inventory) -> Mapping[str, str]:
    from landbridge.drivers.azureml.options import addresses, read_options

    site = inventory.sites.get(target.site)
    return addresses(read_options(target, inventory), site.network if site else Network())


def _private_proof(target: Target, inventory: Inventory) -> tuple[Check, ...]:
    from landbridge.drivers.azureml.private_network import private_proof

    return private_proof(target, inventory)


def _offers(target: Target, inventory: Inventory) -> tuple[OfferedCompute, ...]:
    from landbridge.drivers.azureml.discovery import offers
    from landbridge.drivers.azureml.options import read_options

    return offers(read_options(target, inventory))


DRIVER = Driver(
    training=_training,
    serving=_serving,
    operations=_operations,
    batch=_batch,
    check=_check,
    addresses=_addresses,
    private_proof=_private_proof,
    offers=_offers,
    own_environments=True,
)
