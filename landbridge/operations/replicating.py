"""Copy data ahead of need, so that a later run finds it where it trains."""

from dataclasses import dataclass

from landbridge.domain.plan import Movement
from landbridge.domain.scenario import Replication
from landbridge.operations import staging
from landbridge.operations.sites import training_targets
from landbridge.operations.story import Story


@dataclass(frozen=True, slots=True)
class Replicated:
    """`moved_bytes` crossed the border now; the rest was there."""

    name: str
    site: str
    moved_bytes: int

    @property
    def summary(self) -> str:
        return f"{self.name} at {self.site}: {self.moved_bytes / 1e6:.1f} MB moved"


def replicate(story: Story, name: str, site: str) -> Replicated:
    """Ensure that the present content of data set `name` is in the cache of `site`. Safe to repeat.

    Raises:
        ResidencyError: before a byte moves.
    """
    return Replicated(name, site, staging.replicate(story, story.data[name], site))


def wanted(story: Story, sites: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    """(data set, site) pairs to copy: where it may train and is not at home; only proactive ones unless `sites` are named."""
    places = sites or tuple(dict.fromkeys(target.site for target in training_targets(story.inventory)))
    pairs = [(item, site) for item in story.data.values() for site in places if site != item.site]
    return tuple(
        (item.asset.name, site)
        for item, site in pairs
        if sites
        or (item.asset.replication is Replication.PROACTIVE and _allowed(staging.data_movement(story, item, site)))
    )


def _allowed(movement: Movement) -> bool:
    return movement.allowed
