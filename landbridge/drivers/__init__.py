"""Find a driver by name and connect to what it offers.

A driver is an object of `landbridge.ports.Driver`, announced under the entry-point group `landbridge.drivers`.
Nothing of a driver is imported before its name is asked for, so a missing SDK hurts only those who use it.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.inventory import Datastore, Inventory, RegistrySpec, Target
from landbridge.domain.nearest import nearest
from landbridge.ports import (
    CanBatchScore,
    DataStore,
    Driver,
    ModelRegistry,
    OperatedTarget,
    ServingTarget,
    TrainingTarget,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "landbridge.drivers"
OURS = "landbridge"

Made = TypeVar("Made")


def training_target(target: Target, inventory: Inventory) -> TrainingTarget:
    """Connect to where `target` trains.

    Raises:
        InputError: no driver has that name.
        CapabilityMissingError: the driver cannot train, or its SDK is not installed.
    """
    connected: TrainingTarget = _connect("training", target.driver, f"target {target.name!r}", (target, inventory))
    return connected


def batch_target(target: Target, inventory: Inventory) -> CanBatchScore | None:
    """Connect to what scores at `target` by itself; None when its driver has no such thing. Raises as `training_target`."""
    if driver(target.driver).batch is None:
        return None
    connected: CanBatchScore = _connect("batch", target.driver, f"target {target.name!r}", (target, inventory))
    return connected


def serving_target(target: Target, inventory: Inventory) -> ServingTarget:
    """Connect to where `target` serves. Raises as `training_target`."""
    connected: ServingTarget = _connect("serving", target.driver, f"target {target.name!r}", (target, inventory))
    return connected


def model_registry(spec: RegistrySpec, inventory: Inventory) -> ModelRegistry:
    """Connect to the registry of a site. Raises as `training_target`."""
    connected: ModelRegistry = _connect(
        "registry", spec.driver, f"the registry of site {spec.site!r}", (spec, inventory)
    )
    return connected


def data_store(datastore: Datastore, inventory: Inventory) -> DataStore:
    """Connect to a data store. Raises as `training_target`."""
    connected: DataStore = _connect("data", datastore.driver, f"datastore {datastore.name!r}", (datastore, inventory))
    return connected


def operated_target(target: Target, inventory: Inventory) -> OperatedTarget:
    """Connect to `target` as IT operations do. Raises as `training_target`."""
    connected: OperatedTarget = _connect("operations", target.driver, f"target {target.name!r}", (target, inventory))
    return connected


@lru_cache(maxsize=64)
def driver(name: str) -> Driver:
    """Import the driver called `name`, once per process.

    Raises:
        InputError: nobody announces that name.
        CapabilityMissingError: its module or its SDK cannot be imported.
    """
    entry = _entry(name)
    found: Any = _imported(entry, entry.load)
    if not isinstance(found, Driver):
        raise CapabilityMissingError(
            f"The entry point of driver {name!r} ({entry.value}) is no landbridge driver.",
            f"Make {entry.value} an object of landbridge.ports.Driver.",
        )
    return found


def known_drivers() -> tuple[str, ...]:
    """The names that `driver` accepts, sorted."""
    return tuple(sorted({entry.name for entry in _entries()}))


def _connect(port: str, name: str, owner: str, arguments: tuple[Any, Inventory]) -> Any:
    try:
        constructor = getattr(driver(name), port)
    except InputError as error:
        raise InputError(f"{owner[0].upper()}{owner[1:]}: {error.message}", error.hint, arguments[1].path) from error
    if constructor is None:
        raise CapabilityMissingError(
            f"Driver {name!r} of {owner} has no {port} part.",
            f"Use a driver that has one: {', '.join(_having(port)) or 'none is installed'}.",
            arguments[1].path,
        )
    return _imported(_entry(name), lambda: constructor(*arguments))


def _having(port: str) -> Iterable[str]:
    for name in known_drivers():
        try:
            has_it = getattr(driver(name), port) is not None
        except CapabilityMissingError:  # not installed: no help to the reader of this list
            continue
        if has_it:
            yield name


def _entries() -> "Iterable[EntryPoint]":
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


@lru_cache(maxsize=1)
def _ours() -> "tuple[EntryPoint, ...]":
    """Our own drivers; they change with the installation only, and reading them costs a millisecond at each connect."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return tuple(entry for entry in distribution(OURS).entry_points if entry.group == GROUP)
    except PackageNotFoundError:
        return ()


def _entry(name: str) -> "EntryPoint":
    """Our own drivers first: reading one distribution is quicker than all, and nobody can take over their names."""
    ours = _ours()
    for entry in (*ours, *(() if any(e.name == name for e in ours) else _entries())):
        if entry.name == name:
            return entry
    known = ", ".join(known_drivers())
    raise InputError(
        f"There is no driver {name!r}{nearest(name, known_drivers())}; known are {known}.",
        "Name one of these drivers, or install the package that brings yours.",
    )


def _imported(entry: "EntryPoint", load: Callable[[], Made]) -> Made:
    """Call `load`; an import that fails becomes the line that installs what is missing."""
    try:
        return load()
    except ImportError as error:
        missing = error.name or str(error)
        message = f"Driver {entry.name!r} needs {missing!r}, which cannot be imported: {error}."
        raise CapabilityMissingError(message, _install_hint(entry, missing)) from error


def _install_hint(entry: "EntryPoint", missing: str) -> str:
    package = entry.dist.name if entry.dist else OURS
    extras = (entry.dist.metadata.get_all("Provides-Extra") if entry.dist else None) or []
    wanted = next((extra for extra in (*entry.extras, entry.name) if extra in extras), "")
    if wanted:
        return f"Run `pip install '{package}[{wanted}]'`."
    return f"Run `pip install --force-reinstall {package}`, which brings {missing!r} with it."
