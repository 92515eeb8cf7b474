"""Instance types of a cluster: what it offers, what the inventory declares, and whether both agree.

A target in a workspace has them in the cluster behind it: by a kubeconfig that is given, or that its cloud gives; where neither
leads in, what the workspace tells of its compute stands in, which knows no nodes and changes nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from landbridge import drivers
from landbridge.domain.errors import InputError, LandbridgeError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Access, Change, Diagnosis, OfferedType
from landbridge.files.instance_types import declared_types, load_instance_types
from landbridge.operations.ops.inside import DRIVER, inside
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports import HasInstanceTypes
from landbridge.ports_ops import TellsInstanceTypes

Answer = TypeVar("Answer")
Where = tuple[str, str, str]  # home, inventory file, target
Found = tuple[Inventory, Target]
NAMESPACE = "default"  # the types are the cluster's own


def offered(where: Where, access: Access) -> tuple[OfferedType, ...]:
    return _asked(find(*where), access, lambda there: there.instance_types(), lambda told: told.told_types())


def ensure(where: Where, access: Access, file: str = "") -> tuple[Change, ...]:
    """Put the types of `file`, or without one those that the inventory declares for the target, into the cluster.

    Raises:
        InputError: there is none, or one breaks Azure ML's rules; nothing was changed.
        CapabilityMissingError: nothing leads into the cluster.
    """
    inventory, target = found = find(*where)
    wanted = load_instance_types(Path(file)) if file else declared_types(inventory, target)
    if not wanted:
        raise InputError(
            f"The inventory declares no instance types for target {target.name!r}.",
            f"Write them under targets.{target.name}.instance_types, or name a FILE with InstanceType objects.",
            inventory.path,
        )
    if _told(found) is None:
        return reach(found, access, HasInstanceTypes).apply_instance_types(wanted)  # type: ignore[type-abstract]
    with inside(found, access, NAMESPACE) as there:
        assert isinstance(there, HasInstanceTypes)
        return there.apply_instance_types(wanted)


def check(where: Where, access: Access) -> tuple[Diagnosis, ...]:
    return _asked(
        find(*where), access, lambda there: there.check_instance_types(), lambda told: told.check_told_types()
    )


def _asked(
    found: Found,
    access: Access,
    ask: Callable[[HasInstanceTypes], Answer],
    ask_workspace: Callable[[TellsInstanceTypes], Answer],
) -> Answer:
    """What the cluster answers; the workspace, where it has the target and nothing leads into the cluster."""
    told = _told(found)
    if told is None:
        return ask(reach(found, access, HasInstanceTypes))  # type: ignore[type-abstract]
    try:
        with inside(found, access, NAMESPACE) as there:
            assert isinstance(there, HasInstanceTypes)
            return ask(there)
    except LandbridgeError:
        if access.kubeconfig:
            raise
        return ask_workspace(told)


def _told(found: Found) -> TellsInstanceTypes | None:
    """The target as its workspace tells of it; None: it has none."""
    inventory, target = found
    if target.driver == DRIVER:
        return None
    operated = drivers.operated_target(target, inventory)
    return operated if isinstance(operated, TellsInstanceTypes) else None
