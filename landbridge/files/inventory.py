"""An inventory file into the domain's `Inventory`: placeholders, keys, cross checks with lines, defaults."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import (
    Datastore,
    EnvironmentEntry,
    InstanceType,
    Inventory,
    MaintenanceWindow,
    Network,
    RegistrySpec,
    Site,
    Target,
)
from landbridge.domain.values import Json, Resources
from landbridge.files.document import check, read, refuse
from landbridge.files.inventory_keys import (
    AmountKeys,
    DatastoreKeys,
    EnvironmentKeys,
    InstanceTypeKeys,
    InventoryKeys,
    MaintenanceKeys,
    RegistryKeys,
    SiteKeys,
    TargetKeys,
)
from landbridge.files.inventory_rules import inventory_problems, placeholder_problems
from landbridge.files.secrets import literal_secrets
from landbridge.settings import INVENTORY_VARIABLE

DOCS = "docs/reference/inventory.md"
HOME = "${home}"


def find_inventory(scenario_path: Path, given: str | None) -> Path:
    """The inventory to use: `given`, else $LANDBRIDGE_INVENTORY, else the first of the usual places near the scenario.

    Raises:
        InputError: a named file is missing, or no usual place has one; says where it looked.
    """
    for name, source in ((given, "--inventory"), (os.environ.get(INVENTORY_VARIABLE), f"${INVENTORY_VARIABLE}")):
        if name:
            return _existing(Path(name).expanduser(), source)
    folder = scenario_path.absolute().parent
    places = (
        folder / "inventory.yaml",
        folder / "inventories" / "local.yaml",
        folder.parent / "inventories" / "local.yaml",
    )
    for place in places:
        if place.is_file():
            return place
    listed = ", ".join(str(place) for place in places)
    raise InputError(
        f"No inventory was found for {scenario_path}. Looked at: {listed}.",
        f"Pass --inventory FILE, set ${INVENTORY_VARIABLE}, or put an inventory.yaml beside the scenario.",
    )


def _existing(path: Path, source: str) -> Path:
    if not path.is_file():
        raise InputError(f"There is no inventory {path} (named by {source}).", f"Name an inventory file with {source}.")
    return path


def load_inventory(path: Path, home: str) -> Inventory:
    """Read an inventory file; `${home}` becomes the absolute `home`, and local paths start at the file.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    document = read(path)
    options = frozenset({"options", "registry"})
    if problems := (*literal_secrets(document.data, options), *placeholder_problems(document.data)):
        raise refuse(document, problems)
    absolute_home = str(Path(home).expanduser().absolute())
    resolved = replace(document, data=_resolve(document.data, absolute_home))
    keys = check(InventoryKeys, resolved, DOCS)
    if problems := tuple(inventory_problems(keys)):
        raise refuse(document, problems, DOCS)
    return _inventory(keys, path.absolute(), absolute_home)


def _resolve(value: Any, home: str) -> Any:
    if isinstance(value, str):
        return value.replace(HOME, home)
    if isinstance(value, list):
        return [_resolve(item, home) for item in value]
    if isinstance(value, dict):
        return {key: _resolve(item, home) for key, item in value.items()}
    return value


def _inventory(keys: InventoryKeys, path: Path, home: str) -> Inventory:
    folder = path.parent
    return Inventory(
        name=keys.name,
        path=str(path),
        home=home,
        sites={name: _site(name, site, folder, home) for name, site in keys.sites.items()},
        targets={name: _target(name, target) for name, target in keys.targets.items()},
        datastores={name: _datastore(name, store, folder) for name, store in keys.datastores.items()},
        environments=tuple(_environment(entry, folder) for entry in keys.environments),
    )


def _site(name: str, keys: SiteKeys, folder: Path, home: str) -> Site:
    own = f"{home}/sites/{name}"
    network = keys.network
    return Site(
        name=name,
        kind=keys.kind,
        models=_url(keys.models or f"{own}/models", folder),
        cache=_url(keys.cache.url or f"{own}/cache", folder),
        cache_max_bytes=keys.cache.max_size,
        registry=RegistrySpec(name, keys.registry.driver, _registry_options(keys.registry)) if keys.registry else None,
        network=Network(network.private, network.proxy, tuple(network.egress), dict(network.endpoints)),
        exports=frozenset(keys.exports),
    )


def _registry_options(keys: RegistryKeys) -> Mapping[str, Json]:
    return keys.model_dump(exclude={"driver"}, exclude_none=True)


def _datastore(name: str, keys: DatastoreKeys, folder: Path) -> Datastore:
    return Datastore(name, keys.site, _url(keys.url, folder), keys.driver, dict(keys.options))


def _target(name: str, keys: TargetKeys) -> Target:
    return Target(
        name=name,
        site=keys.site,
        driver=keys.driver,
        roles=frozenset(keys.roles),
        cluster=keys.cluster or name,
        options=dict(keys.options),
        instance_types=tuple(_instance_type(item) for item in keys.instance_types),
        capacity=Resources(keys.capacity.cpu, keys.capacity.memory, keys.capacity.gpu),
        cost_per_hour=keys.cost_per_hour,
        maintenance=tuple(_window(window) for window in keys.maintenance),
        drained=keys.drained,
        private=keys.private,
    )


def _instance_type(keys: InstanceTypeKeys) -> InstanceType:
    """A bound that one side leaves out is taken from the other, as Kubernetes and Azure ML do."""
    limits = keys.resources.limits or keys.resources.requests
    requests = keys.resources.requests if keys.resources.requests.model_fields_set else limits
    return InstanceType(keys.name, _amount(requests), _amount(limits), dict(keys.node_selector))


def _amount(keys: AmountKeys) -> Resources:
    return Resources(keys.cpu, keys.memory, keys.gpu)


def _window(keys: MaintenanceKeys) -> MaintenanceWindow:
    return MaintenanceWindow(
        keys.reason, keys.start, keys.end, frozenset(keys.days or ()), keys.from_ or 0, keys.to or 0
    )


def _environment(keys: EnvironmentKeys, folder: Path) -> EnvironmentEntry:
    python = keys.python or ""
    if "/" in python:
        python = _local(python, folder)
    return EnvironmentEntry(keys.name, python, keys.image or "", tuple(keys.targets))


def _url(text: str, folder: Path) -> str:
    return text if "://" in text else _local(text, folder)


def _local(text: str, folder: Path) -> str:
    """Absolute, but not resolved: a virtual environment's interpreter is a link that must stay one."""
    return os.path.normpath(folder / Path(text).expanduser())
