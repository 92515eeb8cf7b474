"""What `landbridge validate` checks. All faults of all files are found in one go."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from landbridge import settings
from landbridge.cli.asking import given_inventory
from landbridge.domain.errors import InputError

_KINDS = (("sites", "inventory"), ("targets", "inventory"), ("pattern", "scenario"), ("command", "job"))

Checked = tuple[tuple[str, ...], tuple[InputError, ...]]


def check(path: Path, inventory: str) -> Checked:
    """The files that were read, and every fault that was found in them."""
    kind = _kind(path)
    if kind == "scenario":
        return _check_story(path, inventory)
    if kind == "inventory":
        from landbridge.files.inventory import load_inventory

        return (str(path),), tuple(_faults(lambda: load_inventory(path, str(settings.home()))))
    from landbridge.files.job import load_job

    return (str(path),), tuple(_faults(lambda: load_job(path)))


def _kind(path: Path) -> str:
    """By its top-level keys; what has none of them is read as a scenario, whose errors then say what is missing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "scenario"
    return next((kind for key, kind in _KINDS if re.search(rf"^['\"]?{key}['\"]?\s*:", text, re.MULTILINE)), "scenario")


def _check_story(path: Path, inventory: str) -> Checked:
    """All three files together; only when that fails, each by itself, so that no fault hides another."""
    from landbridge.files.inventory import find_inventory
    from landbridge.files.scenario import load_scenario
    from landbridge.operations.story import Request, load

    stock: list[Path] = []
    missing = [*_faults(lambda: stock.append(find_inventory(path, given_inventory(inventory) or None)))]
    if missing:
        return (str(path),), (*missing, *_faults(lambda: load_scenario(path)))
    together = [*_faults(lambda: load(Request(str(path.absolute()), str(stock[0].absolute()))))]
    checked = (str(path), str(stock[0]))
    if not together:
        return checked, ()
    return checked, tuple([*_apart(path, stock[0])] or together)


def _apart(path: Path, inventory: Path) -> Iterator[InputError]:
    from landbridge.files.inventory import load_inventory
    from landbridge.files.job import load_job
    from landbridge.files.scenario import load_scenario

    jobs: list[str] = []
    yield from _faults(lambda: jobs.append(load_scenario(path).job))
    for job in jobs:
        yield from _faults(lambda job=job: load_job(job))  # type: ignore[misc]
    yield from _faults(lambda: load_inventory(inventory, str(settings.home())))


def _faults(read: Callable[[], object]) -> Iterator[InputError]:
    try:
        read()
    except InputError as error:
        yield error
