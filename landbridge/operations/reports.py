"""What a run reached, for people and machines."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import cast

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.requests import RequestCounts
from landbridge.domain.values import Json
from landbridge.operations import connections
from landbridge.operations.sites import serving_sites
from landbridge.operations.story import Story
from landbridge.ports import CanCountRequests


@dataclass(frozen=True, slots=True)
class Serving:
    """One colour behind one endpoint at one site."""

    site: str
    endpoint: str
    url: str
    colour: str
    phase: str
    model: str
    version: str
    traffic: int
    answered: int
    failed: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a run.

    Attributes:
        outcome: `Promoted`, `Unchanged`, `Refused` (by the gate), `RolledBack`, `Replicated`, `Scored`, `Reconciled`, `Failed`.
        trained: whether a job ran for it.
        seconds: wall clock of the whole flow.
    """

    outcome: str
    text: str
    scenario: str = ""
    run_key: str = ""
    model: str = ""
    version: str = ""
    trained: bool = False
    seconds: float = 0.0
    serving: tuple[Serving, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        return cast("dict[str, Json]", asdict(self))


def serving_now(story: Story) -> tuple[Serving, ...]:
    """What serves the story's endpoint at each site; a site that does not answer is told with its reason.

    It never raises: it ends the report of a run that failed as well, be it because no site serves.
    """
    found: list[Serving] = []
    endpoint = story.scenario.endpoint.name
    try:
        sites = serving_sites(story)
    except LandbridgeError:
        return ()
    for site in sites:
        try:
            found += at_site(story, site)
        except LandbridgeError as error:
            found.append(Serving(site, endpoint, "", "", "Unreachable", "", "", 0, 0, 0, error.message))
    return tuple(found)


def at_site(story: Story, site: str) -> list[Serving]:
    target = connections.serving_at(story.inventory, site)
    endpoint = story.scenario.endpoint.name
    status = target.observe(endpoint)
    counted = target.counts(endpoint) if isinstance(target, CanCountRequests) and status.colours else {}
    none = RequestCounts(0, 0)
    return [
        Serving(
            site,
            endpoint,
            status.url,
            colour.colour,
            str(colour.phase),
            colour.model,
            colour.version,
            status.traffic.get(colour.colour, 0),
            counted.get(colour.colour, none).answered,
            counted.get(colour.colour, none).failed,
            colour.reason,
        )
        for colour in status.colours.values()
    ]
