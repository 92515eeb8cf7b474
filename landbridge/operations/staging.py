"""Bring the data to where the job runs: in place at home, from the site's cache elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from landbridge.domain.plan import Movement, MovementKind
from landbridge.drivers.fsspec.cache import CachedData, SiteCache
from landbridge.operations import movements
from landbridge.operations.story import StoredData, Story, timeout_seconds


@dataclass(frozen=True, slots=True)
class StagedInputs:
    """Input name → local path at the job's site, or a literal as text. `moved_bytes` crossed a border just now."""

    values: Mapping[str, str]
    moved_bytes: int

    @property
    def summary(self) -> str:
        return f"{self.moved_bytes / 1e6:.1f} MB moved" if self.moved_bytes else "data used where it is"


def data_movement(story: Story, item: StoredData, site: str) -> Movement:
    """The movement that bringing `item` to `site` would be. Size: all of it; the cache may need less."""
    movement = movements.planned(story, MovementKind.DATA, item.asset.name, item.site, site)
    return replace(movement, digest=item.snapshot.digest, size_bytes=item.snapshot.size_bytes)


def stage(story: Story, site: str) -> StagedInputs:
    """Make every data set of the story present at `site`. Incremental, resumable, safe to repeat.

    Raises:
        ResidencyError: before a byte moves.
        ConflictError: the data changed since the story was opened.
    """
    away = [item for item in story.data.values() if item.site != site]
    for item in away:
        movements.require(data_movement(story, item, site))
    moved = sum(replicate(story, item, site) for item in away)
    values = {name: _cached(story, item, site).path for name, item in story.data.items()}
    literals = {
        name: _text(given.value)
        for name, given in story.job.inputs.items()
        if not given.is_data and given.value is not None
    }
    return StagedInputs({**literals, **values}, moved)


def replicate(story: Story, item: StoredData, site: str) -> int:
    """Copy what is missing of one data set into the cache of `site`; returns the bytes moved."""
    movement = data_movement(story, item, site)
    movements.require(movement)
    cached = _cached(story, item, site)
    movements.record(story, movement)
    return cached.moved_bytes


def _cached(story: Story, item: StoredData, site: str) -> CachedData:
    """At home the data is used where it is; elsewhere from the site's cache, kept there at least as long as the job may run."""
    cache = SiteCache(story.inventory.sites[site], story.inventory)
    return cache.ensure(item.store, item.snapshot, hold_seconds=timeout_seconds(story))


def _text(value: str | int | float | bool | None) -> str:
    """A literal as the command line gets it: booleans as Azure ML writes them."""
    return str(value)
