"""Instance types of a cluster: what it offers, what the inventory declares, and whether both agree."""

from pathlib import Path

from landbridge.domain.errors import InputError
from landbridge.domain.operating import Access, Change, Diagnosis, OfferedType
from landbridge.files.instance_types import declared_types, load_instance_types
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports import HasInstanceTypes

Where = tuple[str, str, str]  # home, inventory file, target


def offered(where: Where, access: Access) -> tuple[OfferedType, ...]:
    return reach(find(*where), access, HasInstanceTypes).instance_types()  # type: ignore[type-abstract]


def ensure(where: Where, access: Access, file: str = "") -> tuple[Change, ...]:
    """Put the types of `file`, or without one those that the inventory declares for the target, into the cluster.

    Raises:
        InputError: there is none, or one breaks Azure ML's rules; nothing was changed.
    """
    inventory, target = found = find(*where)
    wanted = load_instance_types(Path(file)) if file else declared_types(inventory, target)
    if not wanted:
        raise InputError(
            f"The inventory declares no instance types for target {target.name!r}.",
            f"Write them under targets.{target.name}.instance_types, or name a FILE with InstanceType objects.",
            inventory.path,
        )
    return reach(found, access, HasInstanceTypes).apply_instance_types(wanted)  # type: ignore[type-abstract]


def check(where: Where, access: Access) -> tuple[Diagnosis, ...]:
    return reach(find(*where), access, HasInstanceTypes).check_instance_types()  # type: ignore[type-abstract]
