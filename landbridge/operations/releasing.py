"""Carry out the rollout machine: read the world, ask the domain for the next step, do it, write it down."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from landbridge.domain import rollout as machine
from landbridge.domain.errors import CapabilityMissingError, LandbridgeError, ReleaseError, TargetUnavailableError
from landbridge.domain.ledger import Lease, Outcome, Release
from landbridge.domain.names import colour_name
from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, RequestCounts
from landbridge.domain.rollout import Phase, Rollout, SiteObserved
from landbridge.domain.values import ColourPhase, Json
from landbridge.operations import connections
from landbridge.operations.candidates import CHALLENGER, CHAMPION
from landbridge.operations.shipping import Shipped
from landbridge.operations.sites import environment_on, registry_site, serving_sites, serving_target_name
from landbridge.operations.smoke import smoke
from landbridge.operations.story import Story
from landbridge.ports import CanCountRequests, CanShiftTraffic

LIMIT_SECONDS = 20 * 60.0  # Azure ML ends the creation of a deployment after 20 minutes; so do we, everywhere
POLL_SECONDS = 0.02
ORDER = (Phase.BESIDE, Phase.SMOKE, Phase.SHIFT, Phase.SOAK, Phase.PROMOTE, Phase.RETIRE)


@dataclass(frozen=True, slots=True)
class Rolling:
    """A release under way. `release` is in the ledger after every step; the rest is rebuilt by whoever resumes.

    Attributes:
        taken_up_at: Unix time, s; the limit counts from here, so that a run that was dead for long can still go on.
        smoked: site → what was wrong with its smoke test ("" = nothing), for the sites that were asked by this process.
    """

    shipped: Shipped
    release: Release
    rollout: Rollout
    taken_up_at: float
    smoked: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        where = ", ".join(f"{site} {colour}" for site, colour in self.release.colours.items())
        return f"version {self.release.version} on {where}"


def begin(story: Story, shipped: Shipped, lease: Lease) -> Rolling:
    """Open a release of this version, or go on with the one that was begun. An older unfinished one is abandoned."""
    book = connections.ledger(story.inventory.home)
    endpoint = story.scenario.endpoint.name
    newest = next(iter(book.releases(endpoint=endpoint, limit=1)), None)
    if newest and newest.outcome is Outcome.RUNNING:
        if _is_the_same(newest, shipped):
            return Rolling(shipped, newest, machine.resume(newest, story.scenario.rollout, time.time()), time.time())
        book.save_release(replace(newest, outcome=Outcome.ABANDONED, reason="a newer release took over"), lease)
        for site in shipped.copies:
            _gather(story, site, newest.previous.get(site, ""))
    previous = {site: serving_colour(story, site) for site in shipped.copies}
    now = time.time()
    release = Release(
        key=f"{story.run_key}-{uuid.uuid4().hex[:8]}",
        scenario=story.scenario.name,
        run_key=story.run_key,
        endpoint=endpoint,
        model=shipped.version.model,
        version=shipped.version.version,
        colours={site: colour_name(colour) for site, colour in previous.items()},
        previous=previous,
        phase=Phase.BESIDE,
        step=0,
        outcome=Outcome.RUNNING,
        reason="",
        trigger=story.request.trigger,
        started_at=now,
        updated_at=now,
    )
    book.save_release(release, lease)
    return Rolling(shipped, release, machine.resume(release, story.scenario.rollout, now), now)


def _is_the_same(release: Release, shipped: Shipped) -> bool:
    """Whether the release puts this version on these sites, whoever began it."""
    return release.version == shipped.version.version and set(release.colours) == set(shipped.copies)


def _gather(story: Story, site: str, before: str) -> None:
    """Give a site's traffic back to one colour, where an abandoned release has split it: only idle colours are replaced."""
    status = observe(story, site)
    carrying = {name: weight for name, weight in status.traffic.items() if weight}
    ready = [name for name in carrying if name in status.colours and status.colours[name].phase is ColourPhase.READY]
    if len(carrying) < 2 or not ready:
        return
    keep = before if before in ready else max(ready, key=lambda name: carrying[name])
    _shift(story, {site: {name: 100 if name == keep else 0 for name in carrying}})


def drive(story: Story, rolling: Rolling, lease: Lease, last: Phase) -> Rolling:
    """Take steps until the phase `last` is behind; a release that fell back to an earlier phase goes through it again.

    Raises:
        ReleaseError: it was rolled back; says why.
        FencedError: a newer run took over.
    """
    through = {*ORDER[: ORDER.index(last) + 1], Phase.ROLL_BACK}
    while rolling.rollout.phase in through:
        rolling = _take_step(story, rolling, lease)
    if rolling.release.outcome is Outcome.ROLLED_BACK:
        raise ReleaseError(
            f"Version {rolling.release.version} of {rolling.release.model} was rolled back: {rolling.release.reason}.",
            "Mend the model; the version that served before serves on.",
            story.scenario.path,
        )
    return rolling


def is_serving(story: Story, version: str) -> bool:
    """Whether every site's endpoint gives all its traffic to a Ready colour of this version."""
    return all(_serves(observe(story, site), story.scenario.model.name, version) for site in serving_sites(story))


def _serves(status: EndpointStatus, model: str, version: str) -> bool:
    carrying = [status.colours[name] for name, weight in status.traffic.items() if weight and name in status.colours]
    return bool(carrying) and all(
        colour.phase is ColourPhase.READY and (colour.model, colour.version) == (model, version) for colour in carrying
    )


def observe(story: Story, site: str) -> EndpointStatus:
    return connections.serving_at(story.inventory, site).observe(story.scenario.endpoint.name)


def serving_colour(story: Story, site: str) -> str:
    """The colour with the most traffic at `site`, or "" when none has any."""
    traffic = observe(story, site).traffic
    heaviest = max(traffic, key=lambda name: traffic[name], default="")
    return heaviest if traffic.get(heaviest) else ""


def colour_spec(story: Story, shipped: Shipped, site: str, colour: str) -> ColourSpec:
    """The coloured deployment of this version at `site`."""
    copy = shipped.copies[site]
    return ColourSpec(
        endpoint=story.scenario.endpoint.name,
        colour=colour,
        model=shipped.version.model,
        version=shipped.version.version,
        model_url=copy.url,
        model_digest=copy.digest,
        environment=environment_on(story, serving_target_name(story.inventory, site)),
        settings=story.scenario.endpoint.settings,
        scoring=story.scenario.endpoint.scoring,
        labels={"landbridge.scenario": story.scenario.name, "landbridge.run-key": story.run_key},
    )


def _take_step(story: Story, rolling: Rolling, lease: Lease) -> Rolling:
    observed = {site: _observe(story, rolling, site) for site in rolling.rollout.sites}
    step = machine.next_step(rolling.rollout, observed, time.time(), rolling.taken_up_at + LIMIT_SECONDS)
    if isinstance(step, machine.Wait):
        time.sleep(min(max(step.seconds, POLL_SECONDS), 0.25))
        return rolling
    connections.ledger(story.inventory.home).check(lease)
    rolling = _carry_out(story, rolling, step)
    state = machine.advance(rolling.rollout, step, time.time())
    release = _after(rolling.release, state, step)
    connections.ledger(story.inventory.home).save_release(release, lease)
    return replace(rolling, release=release, rollout=state)


def _carry_out(story: Story, rolling: Rolling, step: machine.Step) -> Rolling:
    """Do one step at every site it names."""
    match step:
        case machine.Apply(sites):
            _apply(story, rolling, sites)
        case machine.Smoke(sites):
            return replace(rolling, smoked={**rolling.smoked, **{site: _smoke(story, rolling, site) for site in sites}})
        case machine.Shift(weights) | machine.RollBack(_, weights):
            rolling = _with_baseline(story, rolling)
            _shift(story, weights)
        case machine.Promote():
            _promote(story, rolling.release)
        case machine.Retire(colours):
            _remove(story, colours)
        case machine.Finish():
            _challenge_no_more(story, rolling.release)
    return rolling


def _apply(story: Story, rolling: Rolling, sites: tuple[str, ...]) -> None:
    for site in sites:
        spec = colour_spec(story, rolling.shipped, site, rolling.release.colours[site])
        connections.serving_at(story.inventory, site).apply(spec)


def _remove(story: Story, colours: Mapping[str, str]) -> None:
    for site, colour in colours.items():
        connections.serving_at(story.inventory, site).remove(story.scenario.endpoint.name, colour)


def _with_baseline(story: Story, rolling: Rolling) -> Rolling:
    """Remember how often each new colour had answered before it got traffic: smoke tests are not traffic."""
    if "baseline" in rolling.release.details:
        return rolling
    counted = {site: _count(story, site, colour) for site, colour in rolling.release.colours.items()}
    baseline: dict[str, Json] = {site: [count.answered, count.failed] for site, count in counted.items()}
    details = {**rolling.release.details, "baseline": baseline}
    return replace(rolling, release=replace(rolling.release, details=details))


def _promote(story: Story, release: Release) -> None:
    registry = connections.registry(story.inventory, registry_site(story))
    registry.set_alias(release.model, CHAMPION, release.version)
    _challenge_no_more(story, release)


def _challenge_no_more(story: Story, release: Release) -> None:
    """The version has won or lost; the alias `challenger` is for one that has its trial ahead."""
    registry = connections.registry(story.inventory, registry_site(story))
    challenger = registry.find(release.model, alias=CHALLENGER)
    if challenger and challenger.version == release.version:
        registry.set_alias(release.model, CHALLENGER, "")


def _shift(story: Story, weights: machine.Weights) -> None:
    for site, wanted in weights.items():
        target = connections.serving_at(story.inventory, site)
        if not isinstance(target, CanShiftTraffic):
            raise CapabilityMissingError(
                f"The serving target at {site!r} cannot shift traffic.",
                "Serve from a target whose driver can, such as `local`.",
            )
        target.shift(story.scenario.endpoint.name, wanted)


def _smoke(story: Story, rolling: Rolling, site: str) -> str:
    """ "" when every real prediction was good, else what was wrong."""
    try:
        return smoke(story, rolling.shipped.copies[site], site, rolling.release.colours[site])
    except LandbridgeError as error:
        return error.message


def _count(story: Story, site: str, colour: str) -> RequestCounts:
    target = connections.serving_at(story.inventory, site)
    if not isinstance(target, CanCountRequests):
        return RequestCounts(0, 0)
    return target.counts(story.scenario.endpoint.name).get(colour, RequestCounts(0, 0))


def _observe(story: Story, rolling: Rolling, site: str) -> SiteObserved:
    release = rolling.release
    try:
        status = observe(story, site)
        counts = _count(story, site, release.colours[site])
    except TargetUnavailableError:
        return SiteObserved(reachable=False)
    new, old = status.colours.get(release.colours[site]), status.colours.get(release.previous[site])
    smoked = rolling.smoked.get(site)
    baseline = cast("dict[str, list[int]]", release.details.get("baseline", {}))
    answered, failed = baseline.get(site, [0, 0])
    return SiteObserved(
        new_phase=_phase_of(new, release.version),
        new_reason=new.reason if new else "",
        old_phase=old.phase if old else None,
        traffic=status.traffic,
        smoke=None if smoked is None else smoked == "",
        smoke_detail=smoked or "",
        answered=max(0, counts.answered - answered),
        failed=max(0, counts.failed - failed),
    )


def _phase_of(colour: ColourStatus | None, version: str) -> ColourPhase | None:
    """The new colour's phase; one that still holds an older version is not there yet."""
    return colour.phase if colour and colour.version == version else None


def _after(release: Release, state: Rollout, step: machine.Step) -> Release:
    """The release as it is written down after `step`."""
    moved = replace(release, phase=state.phase, step=state.step, reason=state.reason, updated_at=time.time())
    if isinstance(step, machine.Finish):
        return replace(moved, outcome=step.outcome, reason=step.reason or state.reason)
    return moved
