"""What `landbridge validate` checks. All faults of all files are found in one go."""

from collections.abc import Callable, Iterator
from pathlib import Path

from landbridge import settings
from landbridge.cli.asking import given_inventory
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory
from landbridge.domain.scenario import Scenario
from landbridge.files.kinds import kind_of

Checked = tuple[tuple[str, ...], tuple[InputError, ...]]


def check(path: Path, inventory: str) -> Checked:
    """The files that were read, and every fault that was found in them."""
    kind = kind_of(path) or "scenario"  # whose errors then say what is missing
    if kind == "scenario":
        return _check_story(path, inventory)
    if kind == "inventory":
        return (str(path),), tuple(_inventory_faults(path))
    return (str(path),), tuple(_faults(lambda: _reader(kind)(path)))


def _reader(kind: str) -> Callable[[Path], object]:
    """What reads a file that is checked alone."""
    if kind == "extension":
        from landbridge.files.extension import load_extension

        return load_extension
    if kind.startswith("batch "):
        from landbridge.files.batch import load_batch_deployment, load_batch_endpoint

        return load_batch_endpoint if kind == "batch endpoint" else load_batch_deployment
    if kind.startswith("online "):
        from landbridge.files.online import load_online_deployment, load_online_endpoint

        return load_online_endpoint if kind == "online endpoint" else load_online_deployment
    from landbridge.files.job import load_job

    return load_job


def _check_story(path: Path, inventory: str) -> Checked:
    """All three files together; only when that fails, each by itself, so that no fault hides another."""
    from landbridge.files.inventory import find_inventory
    from landbridge.files.scenario import load_scenario
    from landbridge.operations.story import Request, load
    from landbridge.operations.target_options import inventory_faults

    stock: list[Path] = []
    missing = [*_faults(lambda: stock.append(find_inventory(path, given_inventory(inventory) or None)))]
    if missing:
        return (str(path),), (*missing, *_faults(lambda: load_scenario(path)))
    read: list[tuple[Scenario, Inventory]] = []
    request = Request(str(path.absolute()), str(stock[0].absolute()))
    together = [*_faults(lambda: read.append(load(request)[:2]))]
    for scenario, found in read:
        together += (*inventory_faults(found), *_batch_faults(scenario))
    checked = (str(path), str(stock[0]))
    return checked, tuple(together if read else [*_apart(path, stock[0])] or together)


def _apart(path: Path, inventory: Path) -> Iterator[InputError]:
    from landbridge.files.job import load_job
    from landbridge.files.scenario import load_scenario

    scenarios: list[Scenario] = []
    yield from _faults(lambda: scenarios.append(load_scenario(path)))
    for scenario in scenarios:
        yield from _faults(lambda job=scenario.job: load_job(job))  # type: ignore[misc]
        yield from _batch_faults(scenario)
    yield from _inventory_faults(inventory)


def _batch_faults(scenario: Scenario) -> Iterator[InputError]:
    if scenario.endpoint.batch:
        from landbridge.files.batch import load_for_scoring

        yield from _faults(lambda: load_for_scoring(Path(scenario.endpoint.batch)))


def _inventory_faults(path: Path) -> Iterator[InputError]:
    """Of the file, and once it can be read, of what it gives to its drivers."""
    from landbridge.files.inventory import load_inventory
    from landbridge.operations.target_options import inventory_faults

    read: list[Inventory] = []
    yield from _faults(lambda: read.append(load_inventory(path, str(settings.home()))))
    for inventory in read:
        yield from inventory_faults(inventory)


def _faults(read: Callable[[], object]) -> Iterator[InputError]:
    try:
        read()
    except InputError as error:
        yield error
