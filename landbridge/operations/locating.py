"""From what somebody typed (a scenario file, a scenario's name, an endpoint) to the story it means."""

from collections.abc import Mapping
from pathlib import Path

from landbridge.domain.errors import InputError, NotFoundError
from landbridge.domain.nearest import nearest
from landbridge.domain.requests import Snapshot
from landbridge.domain.retrain import RunParts
from landbridge.domain.values import Json
from landbridge.files.inventory import find_inventory
from landbridge.operations.adopting import Adopted, adopted
from landbridge.operations.story import Request, StoredData, Story, data_location, load


def locate(home: str, scenario: str, inventory: str = "", inputs: Mapping[str, Json] | None = None) -> Request:
    """The request that `scenario`, a file or the name of one that was run here, and `inventory`, a file or "", mean.

    Without an inventory: the nearest to the file, else the one it was last run with.

    Raises:
        InputError: neither a file nor a known name; or no inventory is found.
    """
    path = Path(scenario)
    if path.is_file():
        return Request(str(path), _inventory(home, path, inventory), inputs=inputs or {})
    known = {item.name: item for item in adopted(home)}
    if scenario in known:
        found = known[scenario]
        return Request(found.scenario, inventory or found.inventory, inputs=inputs or {})
    names = ", ".join(known) or "none yet"
    raise InputError(
        f"There is no scenario file {scenario!r}, and no scenario of that name was run here{nearest(scenario, known)}.",
        f"Name a file, or a scenario that was run here ({names}); `landbridge new` makes one.",
    )


def outline(request: Request) -> Story:
    """The story without its data: enough to see where things are; asks no store, so its run key is empty.

    Raises:
        InputError: a file is wrong.
    """
    scenario, inventory, job = load(request)
    data = {
        name: StoredData(asset, *data_location(asset, job, inventory), Snapshot("", "", ()))
        for name, asset in scenario.data.items()
    }
    return Story(request, scenario, inventory, job, data, RunParts(scenario.name, {}, "", "", ""), "")


def find_by_endpoint(home: str, endpoint: str) -> Adopted:
    """The scenario that owns `endpoint`, or that is called so.

    Raises:
        NotFoundError: with the nearest known name.
    """
    known = adopted(home)
    for item in known:
        if endpoint == item.endpoint:
            return item
    for item in known:
        if endpoint in (item.name, item.scenario):
            return item
    endpoints = [item.endpoint for item in known]
    raise NotFoundError(
        f"No scenario that was run here has an endpoint {endpoint!r}{nearest(endpoint, endpoints)}.",
        f"Name one of: {', '.join(endpoints)}." if endpoints else "Run a scenario first: `landbridge run`.",
    )


def _inventory(home: str, scenario: Path, given: str) -> str:
    try:
        return str(find_inventory(scenario, given or None).absolute())
    except InputError:
        last = next((item.inventory for item in adopted(home) if item.scenario == str(scenario)), "")
        if given or not last:
            raise
        return last
