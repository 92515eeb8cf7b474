"""Bring a scoring to its end that a run began and nobody waits for any more.

A job that its target knows is followed with what the ledger says of it; neither model nor data is asked for. One that never
came to its target is prepared again, and goes on as any other scoring, if it would still be the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from landbridge.domain.errors import JobFailedError, NotFoundError, PermanentError
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.scoring import ScoringOrder
from landbridge.domain.values import JobPhase, Json
from landbridge.operations import connections, scoring, training
from landbridge.operations.scoring import Scored, Scoring
from landbridge.operations.story import Story
from landbridge.operations.training import Attempt

OF_THE_ATTEMPT = ("attempt", "target", "name", "tracking_run", "way")


@dataclass(frozen=True, slots=True)
class Begun:
    """A scoring that has no end in the ledger; `what` is what its entry says beside the attempt."""

    run_key: str
    attempt: Attempt
    what: Mapping[str, Json]

    @property
    def summary(self) -> str:
        return f"scoring {self.attempt.name} on {self.attempt.target}"


@dataclass(frozen=True, slots=True)
class AllBegun:
    """Every scoring that has no end, the oldest first."""

    scorings: tuple[Begun, ...]

    @property
    def summary(self) -> str:
        return "; ".join(f"{item.summary} was begun and not ended" for item in self.scorings) or "none was begun"


def all_begun(story: Story) -> AllBegun:
    """What this scenario has begun on targets that there still are. While the model's lease is held, no run waits for it."""
    found = without_end(story.inventory.home, story.scenario.name)
    return AllBegun(tuple(item for item in found if item.attempt.target in story.inventory.targets))


def without_end(home: str, scenario: str = "") -> tuple[Begun, ...]:
    """Scorings of one scenario, or of all, that were begun and have no end in the ledger; the oldest first."""
    entries = connections.ledger(home).entries(kind=Kind.SCORING, scenario=scenario)
    ended = {_name(entry) for entry in entries if entry.payload.get("outcome")}
    return tuple(_begun(entry) for entry in reversed(entries) if _name(entry) not in ended)


def prepare_again(story: Story, begun: Begun) -> Scoring | None:
    """The scoring to go on with, for its target never came to know or to start the job; None: it did, or it may not go on.

    Raises:
        TransientError: the target did not answer.
    """
    try:
        target = connections.runner(story.inventory, begun.attempt.target, begun.attempt.way)
        status = target.observe(begun.attempt.ref)
    except NotFoundError:
        return _same(story, begun)
    return _same(story, begun) if status.reason == "NotStarted" else None


def settle(story: Story, begun: Begun) -> Scored:
    """Follow the job to its end and write that down.

    Raises:
        JobFailedError: it failed, or its target does not know it: the ledger says so, and the next order makes it anew.
    """
    own = replace(story, run_key=begun.run_key)
    try:
        return scoring.follow(own, begun.attempt, begun.what)
    except NotFoundError as error:
        lost: dict[str, Json] = {"outcome": JobPhase.FAILED, "reason": "Lost", "detail": error.message}
        training.record_attempt(own, begun.attempt, JobPhase.FAILED, {**begun.what, **lost}, Kind.SCORING)
        raise JobFailedError(
            f"Job {begun.attempt.name} never came to {begun.attempt.target}, and its data, model or rules are others now.",
            "Order the scoring again: it is made anew.",
        ) from error


def end_given_up(story: Story) -> list[str]:
    """End scoring jobs that still run though they were given up: their target did not answer then."""
    entries = connections.ledger(story.inventory.home).entries(kind=Kind.SCORING, scenario=story.scenario.name)
    ended: list[str] = []
    for entry in entries:
        target, name = str(entry.payload["target"]), _name(entry)
        if entry.payload.get("reason") != "Left" or target not in story.inventory.targets:
            continue
        attempt = _begun(entry).attempt
        driver = connections.runner(story.inventory, target, attempt.way)
        try:
            if driver.observe(attempt.ref).phase.is_final:
                continue
        except NotFoundError:
            continue
        driver.cancel(attempt.ref)
        ended.append(f"scoring job {name} on {target} was given up")
    return ended


def _same(story: Story, begun: Begun) -> Scoring | None:
    given = begun.what.get("order")
    if not isinstance(given, dict):
        return None
    threshold = cast(int, given["error_threshold"])
    order = ScoringOrder(str(given["data"]), str(begun.what["version"]), str(given["target"]), threshold)
    try:
        return scoring.prepare(story, order, only=begun.run_key)
    except PermanentError:  # the data is gone or other data, or may not be there any more
        return None


def _name(entry: Entry) -> str:
    return str(entry.payload["name"])


def _begun(entry: Entry) -> Begun:
    said = entry.payload
    target, run, way = str(said["target"]), str(said["tracking_run"]), str(said.get("way", ""))
    attempt = Attempt(int(str(said["attempt"])), target, _name(entry), run, way=way)
    return Begun(entry.run_key, attempt, {key: value for key, value in said.items() if key not in OF_THE_ATTEMPT})
