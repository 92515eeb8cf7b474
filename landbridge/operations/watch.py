"""What is due by itself. Level-triggered: it reads data, registry and ledger; a lost, doubled or late event does no harm."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.ledger import Kind
from landbridge.domain.values import Json
from landbridge.drivers.fsspec.cache import SiteCache
from landbridge.operations import connections, replicating, versions
from landbridge.operations.adopting import Adopted, adopted
from landbridge.operations.story import Story, open_story


@dataclass(frozen=True, slots=True)
class Wake:
    """A flow to start: its name, its parameters, and why."""

    flow: str
    scenario: str
    trigger: str
    parameters: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """What to start, and what could not be looked at, as sentences."""

    wakes: tuple[Wake, ...]
    problems: tuple[str, ...]


def due(home: str) -> Due:
    """Ask every scenario that lives here whether something is to be done. One that cannot be read stops no other."""
    wakes: list[Wake] = []
    problems: list[str] = []
    for scenario in adopted(home):
        try:
            wakes += _wakes(scenario)
        except LandbridgeError as error:
            problems.append(f"{scenario.name}: {error}")
    return Due(tuple(wakes), tuple(problems))


def _wakes(scenario: Adopted) -> Iterator[Wake]:
    story = open_story(scenario.request("watch"))
    changed = changed_data(story)
    if changed:
        yield _wake(scenario, scenario.pattern, f"new-data:{changed}")
        return
    if story.scenario.triggers.model_versions and (version := versions.foreign(story)):
        yield _wake(scenario, "redeploy", "model-version", {"version": version.version})
    if is_copy_due(story):
        yield _wake(scenario, "replicate_data", "proactive")


def changed_data(story: Story) -> str:
    """The first data set under `triggers.new_data` whose content no run has seen yet, or ""."""
    book = connections.ledger(story.inventory.home)
    newest = next(iter(book.entries(kind=Kind.PLAN, scenario=story.scenario.name, limit=1)), None)
    seen = newest.payload.get("data") if newest else None
    if not isinstance(seen, dict):
        return ""
    return next((name for name in story.scenario.triggers.new_data if story.parts.data[name] != seen.get(name)), "")


def is_copy_due(story: Story) -> bool:
    """Whether data with `replication: proactive` is not yet at a site where it may train."""
    return any(
        SiteCache(story.inventory.sites[site], story.inventory).missing_bytes(story.data[name].snapshot)
        for name, site in replicating.wanted(story)
    )


def _wake(scenario: Adopted, flow: str, trigger: str, more: dict[str, Json] | None = None) -> Wake:
    parameters: dict[str, Json] = {"scenario": scenario.scenario, "inventory": scenario.inventory, "trigger": trigger}
    return Wake(flow, scenario.name, trigger, {**parameters, **(more or {})})
