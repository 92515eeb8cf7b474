"""Is there anything to release? A version that serves, or that was sent back, is left as it is."""

from landbridge.domain.errors import ReleaseError
from landbridge.domain.ledger import Outcome, Release
from landbridge.domain.values import ModelVersion
from landbridge.operations import connections, releasing, training
from landbridge.operations.releasing import Rolling
from landbridge.operations.reports import Report
from landbridge.operations.story import Story


def settled(story: Story, version: ModelVersion) -> Report | None:
    """The report when there is nothing to do, else None.

    Raises:
        ReleaseError: this version was rolled back before; the same version is not tried twice by itself.
    """
    by_hand = story.request.trigger == "rollback"
    ended = [release for release in _releases(story) if release.outcome is not Outcome.ABANDONED]
    if any(release.outcome is Outcome.RUNNING for release in ended[:1]):
        return None
    tried = next((release for release in ended if release.version == version.version), None)
    if releasing.is_serving(story, version.version) and tried is not None:
        return _unchanged(story, version, f"version {version.version} serves already")
    if by_hand or tried is None:
        return None
    if tried.outcome is Outcome.ROLLED_BACK:
        raise ReleaseError(
            f"Version {version.version} of {version.model} was rolled back before: {tried.reason}.",
            "Train a better one with `landbridge retrain`, or force this one with `landbridge rollback --to`.",
            story.scenario.path,
        )
    if ended[0].trigger == "rollback" and ended[0].outcome is Outcome.PROMOTED:
        text = (
            f"version {ended[0].version} serves by hand (`landbridge rollback`); version {version.version} is held back"
        )
        return _unchanged(story, version, text)
    return None


def promoted(story: Story, rolling: Rolling) -> Report:
    """The report of a release that was carried through."""
    release = rolling.release
    tries = training.attempts(story)
    trained = bool(tries) and release.trigger not in {"rollback", "model-version"}
    where = " and ".join(release.colours)
    return Report(
        "Promoted",
        f"version {release.version} of {release.model} serves at {where}",
        model=release.model,
        version=release.version,
        trained=trained,
    )


def _unchanged(story: Story, version: ModelVersion, text: str) -> Report:
    why = (
        "data, code and environment are unchanged, so nothing was trained"
        if story.request.trigger != "rollback"
        else ""
    )
    return Report(
        "Unchanged", f"{text}; {why}" if why else text, model=version.model, version=version.version, trained=False
    )


def _releases(story: Story) -> tuple[Release, ...]:
    return connections.ledger(story.inventory.home).releases(endpoint=story.scenario.endpoint.name)
