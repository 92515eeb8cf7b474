"""From a target's name to the target as IT operations reach it, and a refusal that says whose file was given."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from landbridge import drivers
from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Access
from landbridge.files.inventory import load_inventory
from landbridge.files.kinds import OWNER, kind_of, refuse_other_kinds
from landbridge.operations.connections import find_target
from landbridge.ports_ops import CanAttach, CanCheckCluster, CanTroubleshoot, HasExtension, KnowsUses

Power = TypeVar("Power")
OF_AZURE: tuple[type, ...] = (CanCheckCluster, HasExtension, KnowsUses, CanAttach, CanTroubleshoot)


def find(home: str, inventory_path: str, target: str) -> tuple[Inventory, Target]:
    """Read the inventory and find the target in it.

    Raises:
        InputError: it is no inventory, has no such target, or a file stands where a target's name belongs.
    """
    path = Path(inventory_path)
    refuse_other_kinds(path, "inventory", "--inventory")
    kind = kind_of(Path(target))
    if kind:
        raise InputError(
            f"{target} is a file of {OWNER[kind]} ({kind}), not the name of a target.",
            "Name a target of the inventory; `landbridge ops` works on clusters and takes no scenarios or jobs.",
            f"{target}:1",
        )
    inventory = load_inventory(path, home)
    return inventory, find_target(inventory, target)


def reach(found: tuple[Inventory, Target], access: Access, power: type[Power]) -> Power:
    """Connect, with somebody else's credentials if `access` names them.

    Raises:
        CapabilityMissingError: the target's driver does not have this power.
    """
    inventory, target = found
    theirs = {key: value for key, value in (("kubeconfig", access.kubeconfig), ("context", access.context)) if value}
    if access.kubeconfig and not access.context:
        theirs["context"] = ""  # the target's context is a name in its own kubeconfig
    operated = drivers.operated_target(replace(target, options={**target.options, **theirs}), inventory)
    if not isinstance(operated, power):
        raise CapabilityMissingError(
            f"Driver {target.driver!r} of target {target.name!r} does not offer this ({power.__name__}).",
            f"Name a target {'in a workspace of Azure Machine Learning' if power in OF_AZURE else 'on Kubernetes'}.",
            inventory.path,
        )
    return operated
