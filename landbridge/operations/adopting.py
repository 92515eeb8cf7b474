"""Remember which scenarios live here, so that triggers and `reconcile` know them."""

import time
from dataclasses import dataclass

from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.values import Json
from landbridge.operations import connections
from landbridge.operations.story import Request, Story, load


@dataclass(frozen=True, slots=True)
class Adopted:
    """A scenario that was run here. Literals given with `--set` belong to one run, and are not kept."""

    name: str
    scenario: str
    inventory: str
    pattern: str
    endpoint: str
    cron: str

    def request(self, trigger: str) -> Request:
        return Request(self.scenario, self.inventory, trigger)


def adopt(story: Story) -> None:
    """Write down that this scenario lives here. Safe to repeat."""
    payload: dict[str, Json] = {
        "scenario": story.request.scenario,
        "inventory": story.request.inventory,
        "pattern": str(story.scenario.pattern),
        "endpoint": story.scenario.endpoint.name,
        "cron": story.scenario.triggers.cron,
    }
    entry = Entry(Kind.SCENARIO, story.scenario.name, "", story.scenario.name, time.time(), payload)
    connections.ledger(story.inventory.home).record(entry)


def adopted(home: str) -> tuple[Adopted, ...]:
    """Every scenario that was run here, as it was last run."""
    found: dict[str, Adopted] = {}
    for entry in connections.ledger(home).entries(kind=Kind.SCENARIO):
        said = entry.payload
        found.setdefault(
            entry.scenario,
            Adopted(
                entry.scenario,
                str(said["scenario"]),
                str(said["inventory"]),
                str(said["pattern"]),
                str(said["endpoint"]),
                str(said["cron"]),
            ),
        )
    return tuple(found.values())


def named(home: str, scenario: str, inventory: str) -> tuple[Adopted, ...]:
    """The scenario of these files, whether it was run here or not (a new ledger knows none); without files, all that were."""
    if not scenario:
        return adopted(home)
    read, _, _ = load(Request(scenario, inventory))
    return (Adopted(read.name, scenario, inventory, str(read.pattern), read.endpoint.name, read.triggers.cron),)
