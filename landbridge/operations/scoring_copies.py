"""Remove the copies of a model that scorings left at sites that serve nothing of it."""

from collections.abc import Iterable

from landbridge.domain.inventory import Inventory, Role
from landbridge.domain.ledger import Kind
from landbridge.domain.values import ModelCopy
from landbridge.drivers.fsspec.models import SiteModels
from landbridge.operations import connections
from landbridge.operations.scoring_resuming import without_end
from landbridge.operations.sites import registry_site, serving_sites
from landbridge.operations.story import Story
from landbridge.ports import CanListEndpoints


def end_copies(story: Story) -> list[str]:
    """Remove them where no scoring goes on; returns a sentence for each. Safe to repeat: who needs one ships it again."""
    inventory, model = story.inventory, story.scenario.model.name
    in_use = {str(begun.what["site"]) for begun in without_end(inventory.home) if begun.what["model"] == model}
    ended: list[str] = []
    for site in sorted(_scored_sites(story) - in_use - set(serving_sites(story))):
        store = SiteModels(inventory.sites[site], inventory)
        copies = _registered(story, [copy for copy in store.copies() if copy.version.model == model])
        for copy in copies if copies and not _serves(inventory, site, model) else ():
            store.remove(copy)
            ended.append(f"the copy of {model} version {copy.version.version} at {site} was for scorings that ended")
    return ended


def _scored_sites(story: Story) -> set[str]:
    """Where jobs of this scenario were placed: the choice is written down before a model moves."""
    book = connections.ledger(story.inventory.home)
    chosen = [entry.payload["chosen"] for entry in book.entries(kind=Kind.DECISION, scenario=story.scenario.name)]
    targets = [story.inventory.targets[str(name)] for name in set(chosen) if name in story.inventory.targets]
    return {target.site for target in targets}


def _registered(story: Story, copies: Iterable[ModelCopy]) -> list[ModelCopy]:
    """Those of versions of the scenario's own registry: another may keep a model of that name."""
    found = list(copies)
    if not found:
        return []
    registry = connections.registry(story.inventory, registry_site(story))
    known = {version.version: version.digest for version in registry.versions(story.scenario.model.name)}
    return [copy for copy in found if known.get(copy.version.version) in {"", copy.version.digest}]


def _serves(inventory: Inventory, site: str, model: str) -> bool:
    """Whether a colour of any scenario at `site` has a version of `model`; a target that cannot list may have one."""
    for target in inventory.targets.values():
        if target.site != site or Role.SERVE not in target.roles:
            continue
        driver = connections.serving(inventory, target.name)
        if not isinstance(driver, CanListEndpoints):
            return True
        colours = [colour for name in driver.endpoints() for colour in driver.observe(name).colours.values()]
        if any(colour.model == model for colour in colours):
            return True
    return False
