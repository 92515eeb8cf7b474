"""Whether each driver knows the options that the inventory gives to its targets, with the line of what it does not."""

from collections.abc import Iterator

from landbridge import drivers
from landbridge.domain.errors import InputError, LandbridgeError
from landbridge.domain.inventory import Inventory, Target
from landbridge.files.document import place


def inventory_faults(inventory: Inventory) -> Iterator[InputError]:
    """Every fault of every target. Asks no cluster; a driver that is not installed says so when it is used."""
    for target in inventory.targets.values():
        yield from target_faults(target, inventory)


def target_faults(target: Target, inventory: Inventory) -> Iterator[InputError]:
    """What the target's driver says is wrong with its options."""
    try:
        check = drivers.driver(target.driver).check
    except LandbridgeError:
        return
    for problem in check(target) if check else ():
        keys = ("targets", target.name, "options", *filter(None, (problem.key,)))
        yield InputError(f"`{'.'.join(keys)}`: {problem.message}", problem.hint, place(inventory.path, *keys))
