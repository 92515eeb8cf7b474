"""Decide the next step of a rollout. The values, and what is promised, stand in `landbridge.domain.rollout_values`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from landbridge.domain.ledger import Outcome
from landbridge.domain.rollout_values import (
    Apply,
    Enter,
    Finish,
    Phase,
    Promote,
    Retire,
    RollBack,
    Rollout,
    Shift,
    SiteObserved,
    Smoke,
    Step,
    Wait,
    Weights,
    advance,
    resume,
    steps_of,
)
from landbridge.domain.values import ColourPhase

__all__ = [
    "Apply", "Enter", "Finish", "Phase", "Promote", "Retire", "RollBack", "Rollout", "Shift", "SiteObserved", "Smoke",
    "Step", "Wait", "Weights", "advance", "next_step", "resume", "steps_of",
]  # fmt: skip

FOLLOW_SECONDS = 60.0  # how long traffic or a removal may take to follow an order
POLL_SECONDS = (0.02, 5.0)  # from often, for a colour that is warm, to rarely, for one that pulls an image
_SILENT = SiteObserved(new_phase=ColourPhase.PENDING, new_reason="the site does not answer", reachable=False)


def next_step(rollout: Rollout, observed: Mapping[str, SiteObserved], now: float, deadline: float) -> Step:
    """Decide what to do now.

    Args:
        observed: site → one reading; a missing site counts as unreachable.
        now, deadline: Unix time, s. A new colour must be beside and smoke-tested by `deadline`; it does not cut short a
            shift or a soak that goes well.
    """
    return _BY_PHASE[rollout.phase](_Look(rollout, observed, now, deadline))


@dataclass(frozen=True, slots=True)
class _Look:
    """What is known at this moment."""

    rollout: Rollout
    observed: Mapping[str, SiteObserved]
    now: float
    deadline: float

    def at(self, site: str) -> SiteObserved:
        seen = self.observed.get(site, _SILENT)
        return seen if seen.reachable else _SILENT

    def new_weight(self, site: str) -> int:
        return self.at(site).traffic.get(self.rollout.new[site], 0)

    def those(self, fits: Callable[[SiteObserved], bool]) -> tuple[str, ...]:
        return tuple(site for site in self.rollout.sites if fits(self.at(site)))

    @property
    def overdue(self) -> bool:
        return self.now >= self.deadline

    @property
    def spent(self) -> float:
        """Seconds in this phase, or in this step of a shift."""
        return max(0.0, self.now - self.rollout.phase_since)


def _beside(look: _Look) -> Step:
    """Until every site's new colour is Ready. What it answered before it came here does not count."""
    failed = _failed(look)
    if failed:
        return _roll_back(look, failed)
    if look.overdue:
        return _roll_back(look, f"not ready in time: {_unready(look) or 'the smoke test had not begun'}")
    absent = look.those(lambda seen: seen.new_phase is None)
    if absent:
        return Apply(absent)
    unready = _unready(look)
    return _wait(look, unready) if unready else Smoke(look.rollout.sites)


def _smoke(look: _Look) -> Step:
    """Until every site's new colour answered real predictions."""
    bad = _failed(look) or _smoke_failed(look)
    if bad:
        return _roll_back(look, bad)
    unready = _unready(look)
    if not unready and not look.those(lambda seen: seen.smoke is None):
        return Shift(_weights(look, 0), 0)
    if look.overdue:
        return _roll_back(look, f"not smoke-tested in time: {unready or 'no result'}")
    absent = look.those(lambda seen: seen.new_phase is None)
    if absent:
        return Apply(absent)
    return _wait(look, unready) if unready else Smoke(look.those(lambda seen: seen.smoke is None))


def _shift(look: _Look) -> Step:
    """Watch this step of the shift, then take the next."""
    rollout, last = look.rollout, len(steps_of(look.rollout.spec)) - 1
    step = min(max(rollout.step, 0), last)
    watched = rollout.spec.step_seconds
    trouble = _trouble(look, step, watched)
    if trouble:
        return trouble
    if look.spent < watched:
        return _wait(look, f"watching {steps_of(rollout.spec)[step]} percent", watched - look.spent)
    following = min(step + 1, last)
    return Shift(_weights(look, following), following)


def _soak(look: _Look) -> Step:
    """All traffic is on the new colour, the old one is warm."""
    watched = look.rollout.spec.soak_seconds
    trouble = _trouble(look, len(steps_of(look.rollout.spec)) - 1, watched)
    if trouble:
        return trouble
    if look.spent < watched:
        return _wait(look, "soaking", watched - look.spent)
    return Enter(Phase.PROMOTE)


def _promote(_: _Look) -> Step:
    return Promote()


def _retire(look: _Look) -> Step:
    """There is no way back: the old colours go where the new one surely serves, the rest is left to reconcile."""
    rollout, late = look.rollout, look.spent > FOLLOW_SECONDS
    bad = look.those(lambda seen: not _is_ready(seen) or seen.smoke is False)
    astray = tuple(site for site in rollout.sites if site not in bad and not _is_sole(look, site))
    retirable = _retirable(look)
    if late and (bad or astray or retirable):
        left = ", ".join(f"{site} {rollout.old[site]}" for site in rollout.sites if look.at(site).old_phase)
        return Finish(Outcome.PROMOTED, f"promoted, but not settled everywhere; still there: {left or 'nothing old'}")
    untried = tuple(site for site in astray if look.at(site).smoke is None)
    if untried:
        return Smoke(untried)
    if astray:
        weights = {site: _serving(look, site, 100) for site in astray}
        return Shift(weights, len(steps_of(rollout.spec)) - 1, "traffic does not follow the order yet")
    if retirable:
        return Retire(retirable)
    return _wait(look, f"for {', '.join(bad)} to serve well") if bad else Finish(Outcome.PROMOTED, "")


def _rolling_back(look: _Look) -> Step:
    """Traffic back first, then the new colours go."""
    rollout, late = look.rollout, look.spent > FOLLOW_SECONDS
    weights = _retreat(look)
    if weights and not late:
        return RollBack(rollout.reason, weights)
    awaited = look.those(lambda seen: not seen.reachable or seen.old_phase is ColourPhase.PENDING)
    if awaited and not late:
        return _wait(look, f"for what served before at {', '.join(awaited)}")
    idle = {site: rollout.new[site] for site in rollout.sites if look.at(site).new_phase and not look.new_weight(site)}
    idle = {site: colour for site, colour in idle.items() if look.at(site).reachable}
    return Retire(idle) if idle and not late else Finish(Outcome.ROLLED_BACK, _with_kept(look))


def _done(look: _Look) -> Step:
    return Finish(Outcome.PROMOTED, look.rollout.reason)


def _rolled_back(look: _Look) -> Step:
    return Finish(Outcome.ROLLED_BACK, look.rollout.reason)


_BY_PHASE: Mapping[Phase, Callable[[_Look], Step]] = {
    Phase.BESIDE: _beside,
    Phase.SMOKE: _smoke,
    Phase.SHIFT: _shift,
    Phase.SOAK: _soak,
    Phase.PROMOTE: _promote,
    Phase.RETIRE: _retire,
    Phase.DONE: _done,
    Phase.ROLL_BACK: _rolling_back,
    Phase.ROLLED_BACK: _rolled_back,
}


def _trouble(look: _Look, step: int, watched: float) -> Step | None:
    """What must be done before a shift or soak may go on; None = all is well and traffic is as ordered."""
    bad = _failed(look) or _smoke_failed(look) or _too_many_errors(look)
    if bad:
        return _roll_back(look, bad)
    patient = not look.overdue or look.spent <= watched + FOLLOW_SECONDS
    unready = _unready(look)
    if unready:
        return _lost_readiness(look, unready, patient)
    untried = look.those(lambda seen: seen.smoke is None)
    weights = _weights(look, step)
    astray = {site for site in look.rollout.sites if _nonzero(weights[site]) != _nonzero(look.at(site).traffic)}
    if not untried and not astray:
        return None
    if not patient:
        return _roll_back(look, f"traffic did not follow at {', '.join(sorted(astray)) or 'some site'}")
    return Smoke(untried) if untried else Shift(weights, step, "traffic does not follow the order yet")


def _lost_readiness(look: _Look, unready: str, patient: bool) -> Step:
    """Give the traffic back while the old colour can take it; else wait for whichever comes back first."""
    absent = look.those(lambda seen: seen.new_phase is None)
    hurt = [
        site
        for site in look.rollout.sites
        if look.new_weight(site) and not _is_ready(look.at(site)) and look.at(site).old_phase is ColourPhase.READY
    ]
    if not patient or (look.overdue and (hurt or absent)):
        return _roll_back(look, f"readiness was lost: {unready}")
    if hurt:
        return Shift(_retreat(look), -1, f"readiness was lost: {unready}")
    return Apply(absent) if absent else _wait(look, unready)


def _roll_back(look: _Look, reason: str) -> RollBack:
    return RollBack(reason, _retreat(look))


def _retreat(look: _Look) -> dict[str, dict[str, int]]:
    """The traffic of a rollback, for the sites where it must change."""
    wanted = {site: _fallback(look, site) for site in look.rollout.sites if look.at(site).reachable}
    return {
        site: weights
        for site, weights in wanted.items()
        if weights is not None and _nonzero(weights) != _nonzero(look.at(site).traffic)
    }


def _fallback(look: _Look, site: str) -> dict[str, int] | None:
    """Where a site's traffic goes on rollback; None = leave it."""
    seen = look.at(site)
    if seen.old_phase is ColourPhase.READY and look.rollout.old[site]:
        return _serving(look, site, 0)
    if not look.new_weight(site):
        return None
    keep = _is_ready(seen) and seen.smoke is not False
    return {colour: weight if keep else 0 for colour, weight in _serving(look, site, 100).items()}


def _weights(look: _Look, step: int) -> dict[str, dict[str, int]]:
    """The traffic of a step, for every site. An old colour that is not Ready gets none."""
    percent = steps_of(look.rollout.spec)[step]
    ready = {site: look.at(site).old_phase is ColourPhase.READY for site in look.rollout.sites}
    return {site: _serving(look, site, percent if ready[site] else 100) for site in look.rollout.sites}


def _serving(look: _Look, site: str, percent: int) -> dict[str, int]:
    """`percent` to the new colour and the rest to the old; only colours that exist are named."""
    new, old, seen = look.rollout.new[site], look.rollout.old[site], look.at(site)
    weights = {new: percent} if seen.new_phase else {}
    return {**weights, old: 100 - percent} if old and seen.old_phase else weights


def _retirable(look: _Look) -> dict[str, str]:
    """Old colours at sites where the new one is Ready and has all the traffic."""
    rollout = look.rollout
    return {
        site: rollout.old[site]
        for site in rollout.sites
        if rollout.old[site] and look.at(site).old_phase and _is_ready(look.at(site)) and _is_sole(look, site)
    }


def _is_sole(look: _Look, site: str) -> bool:
    return _nonzero(look.at(site).traffic) == {look.rollout.new[site]: 100}


def _is_ready(seen: SiteObserved) -> bool:
    return seen.new_phase is ColourPhase.READY


def _nonzero(weights: Mapping[str, int]) -> dict[str, int]:
    return {colour: weight for colour, weight in weights.items() if weight}


def _failed(look: _Look) -> str:
    sites = look.those(lambda seen: seen.new_phase is ColourPhase.FAILED)
    return "; ".join(f"{site}: {look.rollout.new[site]} failed{_because(look.at(site).new_reason)}" for site in sites)


def _smoke_failed(look: _Look) -> str:
    sites = look.those(lambda seen: seen.smoke is False)
    return "; ".join(f"{site}: the smoke test failed{_because(look.at(site).smoke_detail)}" for site in sites)


def _too_many_errors(look: _Look) -> str:
    limit = look.rollout.spec.max_error_percent
    sites = look.those(lambda seen: seen.failed * 100 > limit * max(seen.answered, seen.failed))
    return "; ".join(
        f"{site}: {look.at(site).failed} of {max(look.at(site).answered, look.at(site).failed)} requests failed, "
        f"more than {limit:g} percent"
        for site in sites
    )


def _unready(look: _Look) -> str:
    sites = look.those(lambda seen: not _is_ready(seen))
    return "; ".join(
        f"{site}: {look.rollout.new[site]} is {look.at(site).new_phase or 'absent'}{_because(look.at(site).new_reason)}"
        for site in sites
    )


def _with_kept(look: _Look) -> str:
    kept = [f"{site} keeps {look.rollout.new[site]}" for site in look.rollout.sites if look.new_weight(site)]
    silent = [f"{site} did not answer" for site in look.those(lambda seen: not seen.reachable)]
    return "; ".join((look.rollout.reason, *kept, *silent))


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _wait(look: _Look, reason: str, remaining: float = POLL_SECONDS[1]) -> Wait:
    low, high = POLL_SECONDS
    return Wait(reason, max(low, min(remaining, look.spent / 10, high)))
