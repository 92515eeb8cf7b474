"""Compare registry, ledger and targets, and say what is to be done; end what nobody owns."""

from dataclasses import dataclass, field

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory, Role
from landbridge.domain.ledger import Entry, Kind, Outcome, Release
from landbridge.domain.values import Json
from landbridge.operations import connections, releasing, scoring_copies, scoring_resuming, training, versions
from landbridge.operations.adopting import Adopted
from landbridge.operations.story import Story
from landbridge.ports import CanListEndpoints, CanListJobs


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to put right: a flow to run, with its parameters, and why."""

    flow: str
    why: str
    parameters: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What nobody owned and was ended, one sentence each."""

    ended: tuple[str, ...]

    @property
    def summary(self) -> str:
        return "; ".join(self.ended) or "nothing without an owner"


def todo(story: Story, scenario: Adopted) -> Todo | None:
    """The one flow that brings this scenario to where it should be, or None when it is there."""
    parameters: dict[str, Json] = {
        "scenario": scenario.scenario,
        "inventory": scenario.inventory,
        "trigger": "reconcile",
    }
    newest = next(iter(_releases(story)), None)
    if newest is not None and newest.outcome is Outcome.RUNNING:
        return _resumed(story, scenario, newest, parameters)
    unfinished = _unfinished(story)
    if unfinished:
        return Todo(scenario.pattern, unfinished, parameters)
    best = versions.champion(story)
    if best is not None and not releasing.is_serving(story, best.version):
        return Todo(
            "redeploy", f"champion {best.version} does not serve everywhere", {**parameters, "version": best.version}
        )
    return None


def clean(story: Story) -> Cleaned:
    """End jobs, colours and scorings' model copies of this scenario that no ledger entry owns. Safe to repeat."""
    jobs = (*_end_jobs(story), *scoring_resuming.end_given_up(story))
    return Cleaned((*jobs, *_end_colours(story), *scoring_copies.end_copies(story)))


def _resumed(story: Story, scenario: Adopted, newest: Release, parameters: dict[str, Json]) -> Todo:
    """Go on with a release that was begun: by the pattern's flow if it is of today's run, else with that very version."""
    why = f"release {newest.key} was begun and not ended"
    asked = newest.trigger in {"rollback", "model-version"}
    if newest.run_key == story.run_key and not asked:
        return Todo(scenario.pattern, why, parameters)
    trigger = newest.trigger if asked else "reconcile"
    return Todo("redeploy", why, {**parameters, "version": newest.version, "trigger": trigger})


def _unfinished(story: Story) -> str:
    """Why the pattern's flow must go on, or ""."""
    attempt = training.open_attempt(story)
    if attempt is None:
        return _planned_only(story)
    if not attempt.outcome:
        return f"job {attempt.name} was begun and not ended"
    book = connections.ledger(story.inventory.home)
    verdicts = book.entries(kind=Kind.VERDICT, scenario=story.scenario.name, run_key=story.run_key)
    judged = [entry for entry in verdicts if entry.key == f"run-{story.run_key}"]
    version = versions.of_story(story)
    if not judged or (version is None and _passed(judged[0])):
        return f"job {attempt.name} succeeded and its model was not registered"
    if version is not None and not any(release.version == version.version for release in _releases(story)):
        return f"version {version.version} was registered and never released"
    return ""


def _planned_only(story: Story) -> str:
    """Why a run that was planned, not refused, and never came to submit its job must go on, or ""."""
    book = connections.ledger(story.inventory.home)
    plan = next(iter(book.entries(kind=Kind.PLAN, scenario=story.scenario.name, limit=1)), None)
    if plan is None or plan.run_key != story.run_key or plan.payload.get("refusals") or training.attempts(story):
        return ""
    return f"run {story.run_key} was planned and its job was not begun"


def _passed(entry: Entry) -> bool:
    return entry.payload.get("outcome") == "Pass"


def _releases(story: Story) -> tuple[Release, ...]:
    return connections.ledger(story.inventory.home).releases(endpoint=story.scenario.endpoint.name)


def _end_jobs(story: Story) -> list[str]:
    """Jobs of this scenario that still run though no run waits for them: of data or code of the past, or given up."""
    book = connections.ledger(story.inventory.home)
    attempt = training.open_attempt(story)
    current = {attempt.name} if attempt else set()
    known = {str(entry.payload["name"]) for entry in book.entries(kind=Kind.JOB, scenario=story.scenario.name)}
    ended: list[str] = []
    for name, target in _listing(story.inventory):
        for ref in target.jobs():
            mine = ref.name in known and ref.name not in current
            if mine and not connections.training(story.inventory, name).observe(ref).phase.is_final:
                connections.training(story.inventory, name).cancel(ref)
                ended.append(f"job {ref.name} on {name} was for data or code of the past, or was given up")
    return ended


def _listing(inventory: Inventory) -> list[tuple[str, CanListJobs]]:
    found: list[tuple[str, CanListJobs]] = []
    for target in inventory.targets.values():
        if Role.TRAIN not in target.roles:
            continue
        try:
            driver = connections.training(inventory, target.name)
        except LandbridgeError:  # a driver that is not installed has no jobs of ours
            continue
        if isinstance(driver, CanListJobs):
            found.append((target.name, driver))
    return found


def _end_colours(story: Story) -> list[str]:
    """Colours without traffic that belong to no release under way."""
    newest = next(iter(_releases(story)), None)
    keep = dict(newest.colours) if newest is not None and newest.outcome is Outcome.RUNNING else {}
    endpoint = story.scenario.endpoint.name
    ended: list[str] = []
    for target in story.inventory.targets.values():
        if Role.SERVE not in target.roles:
            continue
        driver = connections.serving(story.inventory, target.name)
        if not isinstance(driver, CanListEndpoints) or endpoint not in driver.endpoints():
            continue
        status = driver.observe(endpoint)
        idle = [name for name in status.colours if not status.traffic.get(name) and keep.get(target.site) != name]
        for colour in idle if any(status.traffic.values()) else []:
            driver.remove(endpoint, colour)
            ended.append(f"colour {colour} at {target.site} had no traffic and no release")
    return ended
