"""From the inventory's names to live drivers, one connection per process and name."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from landbridge import drivers, settings
from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.inventory import Inventory, Site, Target
from landbridge.ledger import connect
from landbridge.operations.target_options import target_faults
from landbridge.ports import CanBatchScore, DataStore, ModelRegistry, ServingTarget, TracksRuns, TrainingTarget

if TYPE_CHECKING:
    from landbridge.ledger.sql import SqlLedger


@lru_cache(maxsize=8)
def _ledger(url: str) -> "SqlLedger":
    return connect(url)


def ledger(home: str) -> "SqlLedger":
    """The ledger of this home; created on first use."""
    return _ledger(settings.database_url(Path(home)))


def training(inventory: Inventory, target: str) -> TrainingTarget:
    return drivers.training_target(_checked(find_target(inventory, target), inventory), inventory)


def batch(inventory: Inventory, target: str) -> CanBatchScore | None:
    """What scores at `target` by a batch endpoint; None where nothing does."""
    return drivers.batch_target(_checked(find_target(inventory, target), inventory), inventory)


def require_batch(inventory: Inventory, target: str) -> CanBatchScore:
    found = batch(inventory, target)
    if found is None:
        raise CapabilityMissingError(
            f"Target {target!r} has no batch endpoints.", "Order the scoring on another target.", inventory.path
        )
    return found


def runner(inventory: Inventory, target: str, way: str) -> TrainingTarget | CanBatchScore:
    """What runs a job. `way`: how it came there, "" = as a training job, else through a batch endpoint."""
    return require_batch(inventory, target) if way else training(inventory, target)


def serving(inventory: Inventory, target: str) -> ServingTarget:
    return drivers.serving_target(_checked(find_target(inventory, target), inventory), inventory)


def serving_at(inventory: Inventory, site: str) -> ServingTarget:
    """The serving target of a site."""
    return drivers.serving_target(_checked(serving_target_of(inventory, site), inventory), inventory)


def _checked(target: Target, inventory: Inventory) -> Target:
    """The target, unless its options are wrong: then the first fault, with its line."""
    for fault in target_faults(target, inventory):
        raise fault
    return target


def serving_target_of(inventory: Inventory, site: str) -> Target:
    target = inventory.serving_target(site)
    if target is None:
        raise InputError(
            f"No target at site {site!r} serves.",
            "Add a target with `roles: [serve]` to that site, or take the site out of endpoint.sites.",
            inventory.path,
        )
    return target


def registry(inventory: Inventory, site: str) -> ModelRegistry:
    spec = inventory.sites[site].registry
    if spec is None:
        raise InputError(
            f"Site {site!r} has no model registry.",
            f"Add `registry:` to sites.{site}, or name another site in model.registry.",
            inventory.path,
        )
    return drivers.model_registry(spec, inventory)


def tracker(inventory: Inventory, site: str) -> TracksRuns:
    found = registry(inventory, site)
    if not isinstance(found, TracksRuns):
        raise CapabilityMissingError(
            f"The registry of site {site!r} does not record training runs.",
            "Use a registry driver that does, such as `mlflow`.",
            inventory.path,
        )
    return cast(TracksRuns, found)


def data_store(inventory: Inventory, name: str) -> DataStore:
    return drivers.data_store(inventory.datastores[name], inventory)


def find_target(inventory: Inventory, name: str) -> Target:
    if name not in inventory.targets:
        known = ", ".join(inventory.targets)
        raise InputError(f"No target {name!r}.", f"Name one of: {known}.", inventory.path)
    return inventory.targets[name]


def site_of(inventory: Inventory, target: str) -> Site:
    return inventory.sites[find_target(inventory, target).site]
