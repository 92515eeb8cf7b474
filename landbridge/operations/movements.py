"""Write down what crosses a site border, and refuse what may not."""

import time
from collections.abc import Iterable
from dataclasses import asdict

from landbridge.domain.errors import ResidencyError
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.plan import Movement, MovementKind
from landbridge.domain.residency import rule_movement
from landbridge.operations import connections
from landbridge.operations.story import Story


def planned(story: Story, kind: MovementKind, name: str, from_site: str, to_site: str) -> Movement:
    """Rule on one movement of this story; the rule stands in it, allowed or not."""
    ruling = rule_movement(kind, name, story.homed, story.border(from_site, to_site))
    return Movement(kind, name, from_site, to_site, "", None, ruling.allowed, ruling.rule)


def require(movement: Movement) -> None:
    """Raises ResidencyError unless the movement is allowed. Called before a byte moves."""
    if not movement.allowed:
        raise ResidencyError(
            f"{movement.kind} {movement.name!r} may not go from {movement.from_site!r} to {movement.to_site!r}: "
            f"{movement.rule}.",
            "Place the step where the data may be, or change the rule where it is written.",
        )


def record(story: Story, movement: Movement) -> None:
    """Put a movement that happened into the ledger. Safe to repeat."""
    key = f"{movement.kind}:{movement.name}:{movement.from_site}>{movement.to_site}"
    entry = Entry(Kind.MOVEMENT, story.scenario.name, story.run_key, key, time.time(), dict(asdict(movement)))
    connections.ledger(story.inventory.home).record(entry)


def refused(movements: Iterable[Movement]) -> tuple[str, ...]:
    return tuple(
        f"{item.kind} {item.name!r} would go from {item.from_site} to {item.to_site}: {item.rule}"
        for item in movements
        if not item.allowed
    )
