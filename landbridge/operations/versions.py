"""Versions that something else registered, and versions to go back to."""

from collections.abc import Mapping
from dataclasses import replace

from landbridge.domain.errors import InputError, NotFoundError
from landbridge.domain.gate import Reason, Verdict, VerdictOutcome, judge
from landbridge.domain.ledger import Kind, Outcome, Release
from landbridge.domain.lineage import RUN_KEY
from landbridge.domain.values import ModelVersion
from landbridge.files.document import place
from landbridge.operations import connections
from landbridge.operations.candidates import CHAMPION, record_verdict, refusal
from landbridge.operations.sites import registry_site
from landbridge.operations.story import Story
from landbridge.ports import ModelRegistry


def of_story(story: Story) -> ModelVersion | None:
    """The version that this very run key left, if any."""
    return _registry(story).find(story.scenario.model.name, run_key=story.run_key)


def named(story: Story, version: str) -> ModelVersion:
    """One version by its number.

    Raises:
        NotFoundError: with the numbers there are.
    """
    found = _registry(story).find(story.scenario.model.name, version=version)
    if found is None:
        there = ", ".join(item.version for item in _registry(story).versions(story.scenario.model.name)) or "none"
        raise NotFoundError(
            f"Model {story.scenario.model.name!r} has no version {version!r}; there are: {there}.",
            "Name one of them; `landbridge releases` lists what served.",
        )
    return found


def champion(story: Story) -> ModelVersion | None:
    return _registry(story).find(story.scenario.model.name, alias=CHAMPION)


def foreign(story: Story) -> ModelVersion | None:
    """The newest version, when landbridge did not register it, and neither gate nor release has seen it yet."""
    newest = next(iter(_registry(story).versions(story.scenario.model.name)), None)
    if newest is None or RUN_KEY in newest.tags:
        return None
    judged = connections.ledger(story.inventory.home).entries(kind=Kind.VERDICT, scenario=story.scenario.name)
    seen = {release.version for release in _releases(story)}
    seen |= {entry.key.removeprefix("version-") for entry in judged}
    return None if newest.version in seen or CHAMPION in newest.aliases else newest


def judge_version(story: Story, version: ModelVersion) -> ModelVersion:
    """Ask the gate about a version by the metrics its run logged.

    Raises:
        GateError: it may not replace the champion.
    """
    best = champion(story)
    compared = None if best is None or best.version == version.version else best.metrics
    verdict = _judged(story, version, compared)
    record_verdict(story, verdict, f"version-{version.version}")
    if not verdict.passed:
        raise refusal(place(story.scenario.path, "gate"), verdict)
    return version


def _judged(story: Story, version: ModelVersion, compared: Mapping[str, float] | None) -> Verdict:
    """A version of somebody else may lack the gate's metrics: that is an answer too, or it would be asked for ever."""
    try:
        return judge(story.scenario.gate, version.metrics, compared)
    except InputError as error:
        reason = Reason("metrics", VerdictOutcome.INCONCLUSIVE, error.message.rstrip("."))
        return Verdict(VerdictOutcome.INCONCLUSIVE, (reason,), dict(version.metrics))


def previous(story: Story) -> ModelVersion:
    """The version to go back to: the last one that was promoted before the one that serves.

    Raises:
        NotFoundError: nothing served before.
    """
    promoted = [release for release in _releases(story) if release.outcome is Outcome.PROMOTED]
    serving = promoted[0].version if promoted else ""
    before = next((release.version for release in promoted if release.version != serving), None)
    if before is None:
        raise NotFoundError(
            f"Nothing served on endpoint {story.scenario.endpoint.name!r} before.",
            "Name a version with --to, or retrain.",
        )
    return named(story, before)


def withdraw(story: Story, version: ModelVersion) -> Story:
    """The story of going to `version` by hand: its releases and verdicts are kept under that version's own run key."""
    return replace(story, run_key=version.tags.get(RUN_KEY, story.run_key))


def _releases(story: Story) -> tuple[Release, ...]:
    return connections.ledger(story.inventory.home).releases(endpoint=story.scenario.endpoint.name)


def _registry(story: Story) -> ModelRegistry:
    return connections.registry(story.inventory, registry_site(story))
