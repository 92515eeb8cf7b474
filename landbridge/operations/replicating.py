"""Copy data ahead of need, so that a later run finds it where it trains."""

from dataclasses import dataclass

from landbridge.domain.placement_rules import PREFERENCE
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
    """(data set, site) pairs to copy: all data to `sites`; without them, proactive data to where the pattern trains first."""
    if sites:
        return tuple((item.asset.name, site) for item in story.data.values() for site in sites if site != item.site)
    proactive = [item for item in story.data.values() if item.asset.replication is Replication.PROACTIVE]
    return tuple(
        (item.asset.name, site)
        for item in proactive
        for site in _first_choice(story)
        if site != item.site and staging.data_movement(story, item, site).allowed
    )


def _first_choice(story: Story) -> tuple[str, ...]:
    """Sites of the kind that the pattern prefers and that can train."""
    kind = PREFERENCE[story.scenario.pattern][0]
    sites = dict.fromkeys(target.site for target in training_targets(story.inventory))
    return tuple(site for site in sites if story.inventory.sites[site].kind is kind)
