"""Put a verified copy of a model version where it will serve, before anything there changes."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from landbridge.domain.plan import MovementKind
from landbridge.domain.residency import must_strip
from landbridge.domain.values import ModelCopy, ModelVersion
from landbridge.drivers.fsspec.models import SiteModels
from landbridge.operations import connections, movements
from landbridge.operations.sites import registry_site, serving_sites
from landbridge.operations.story import Story


@dataclass(frozen=True, slots=True)
class Shipped:
    """One version and its verified copy at every site it was shipped to."""

    version: ModelVersion
    copies: Mapping[str, ModelCopy]

    @property
    def summary(self) -> str:
        return f"{self.version.model} version {self.version.version} at {', '.join(self.copies)}"


def ship(story: Story, version: ModelVersion, sites: Sequence[str] = ()) -> Shipped:
    """Ensure a verified copy of `version` at every serving site, or at `sites`. Safe to repeat; all sites or an error.

    Raises:
        ResidencyError: before a byte moves.
        CorruptError: what arrived is not what was registered.
    """
    home, places = registry_site(story), sites or serving_sites(story)
    crossing = [
        movements.planned(story, MovementKind.MODEL, version.model, home, site) for site in places if site != home
    ]
    for movement in crossing:
        movements.require(movement)
    copies = _copies(story, version, places)
    for movement in crossing:
        copy = copies[movement.to_site]
        movements.record(story, replace(movement, digest=version.digest, size_bytes=copy.size_bytes))
    return Shipped(version, copies)


def _copies(story: Story, version: ModelVersion, sites: Sequence[str]) -> Mapping[str, ModelCopy]:
    home = registry_site(story)
    stores = {site: SiteModels(story.inventory.sites[site], story.inventory) for site in sites}
    strip = {site: site != home and must_strip(story.homed, story.border(home, site)) for site in stores}
    found = {site: store.find(version, strip[site]) for site, store in stores.items()}
    here = {site: copy for site, copy in found.items() if copy is not None}
    missing = [site for site in stores if site not in here]
    if missing:
        with tempfile.TemporaryDirectory(prefix="landbridge-ship-") as scratch:
            connections.registry(story.inventory, home).fetch(version, scratch)
            here |= {site: stores[site].ship(version, scratch, strip[site]) for site in missing}
    return here
