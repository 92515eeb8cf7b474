"""The rollout machine: beside → smoke → shift → soak → promote → retire, or roll back. One verdict for all sites.

It holds, whatever is observed:
- Weight goes only to a colour that is Ready, and to the new one only after it answered real predictions at every site.
- All sites move together; one bad site rolls all of them back.
- The old colour stays until the soak is over and the new one is the champion.
- A new colour that loses its readiness gives its traffic back to the old one and starts again, until the deadline.
- A rollback gives traffic to the old colour where it is Ready. Where it is not, a new colour that has traffic, is Ready
  and has not failed its smoke test keeps it: a verdict is no reason to answer nobody. A new colour without traffic gets
  none.
- It ends: time passes, every phase has a limit, and after the deadline no phase is entered twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from landbridge.domain.errors import CorruptError
from landbridge.domain.ledger import Outcome, Release
from landbridge.domain.scenario import RolloutSpec
from landbridge.domain.values import ColourPhase

Weights: TypeAlias = Mapping[str, Mapping[str, int]]  # site → colour → percent; each site sums to 0 or 100


class Phase(StrEnum):
    """Where a release is. Done and RolledBack are final."""

    BESIDE = "Beside"
    SMOKE = "Smoke"
    SHIFT = "Shift"
    SOAK = "Soak"
    PROMOTE = "Promote"
    RETIRE = "Retire"
    DONE = "Done"
    ROLL_BACK = "RollBack"
    ROLLED_BACK = "RolledBack"


@dataclass(frozen=True, slots=True)
class Rollout:
    """One release on its way. Small enough to be written down after every step.

    Attributes:
        new: site → colour that carries the new version.
        old: site → colour that served before, or "".
        step: index into the spec's steps, while shifting.
        phase_since: Unix time, s, when the phase (or the step of a shift) was entered.
        reason: why it is being rolled back, or "".
    """

    sites: tuple[str, ...]
    new: Mapping[str, str]
    old: Mapping[str, str]
    spec: RolloutSpec
    phase: Phase = Phase.BESIDE
    step: int = 0
    phase_since: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SiteObserved:
    """One site, read once.

    Attributes:
        new_phase, old_phase: None = the colour is absent.
        traffic: colour → percent.
        smoke: of the new colour: None = not tried yet in this process, True = passed, False = failed.
        answered: requests sent to the new colour since it got traffic, whatever came back.
        failed: those of `answered` that failed.
        reachable: False = the site did not answer; then nothing else counts.
    """

    new_phase: ColourPhase | None = None
    new_reason: str = ""
    old_phase: ColourPhase | None = None
    traffic: Mapping[str, int] = field(default_factory=dict)
    smoke: bool | None = None
    smoke_detail: str = ""
    answered: int = 0
    failed: int = 0
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class Apply:
    """Ensure the new colour at `sites`."""

    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do yet: observe again after `seconds`."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Smoke:
    """Send real predictions to the new colour at `sites`; what comes back is `SiteObserved.smoke` from then on."""

    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """Make `weights` the traffic. `step` -1 = back to the old colour for now: the new one lost its readiness."""

    weights: Weights
    step: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Enter:
    """Nothing to carry out but to write the phase down: from Promote on there is no way back."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Promote:
    """Point the champion alias at the new version and record it."""


@dataclass(frozen=True, slots=True)
class Retire:
    """Remove these colours (site → colour): the old ones after a promotion, the new ones after a rollback."""

    colours: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RollBack:
    """Make `weights` the traffic. Sites that need no change are not in it."""

    reason: str
    weights: Weights


@dataclass(frozen=True, slots=True)
class Finish:
    """The end: Promoted or RolledBack."""

    outcome: Outcome
    reason: str


Step: TypeAlias = Apply | Wait | Smoke | Shift | Enter | Promote | Retire | RollBack | Finish


def resume(release: Release, spec: RolloutSpec, now: float) -> Rollout:
    """Go on where the ledger says a release stood. The phase's clock starts again: time spent dead judges nobody.

    Raises:
        CorruptError: the ledger holds a phase that does not exist.
    """
    try:
        phase = Phase(release.phase)
    except ValueError as error:
        raise CorruptError(
            f"Release {release.key} is in phase {release.phase!r}, which does not exist.",
            "Restore the ledger from a backup, or start a new run.",
        ) from error
    sites = tuple(release.colours)
    return Rollout(sites, release.colours, release.previous, spec, phase, release.step, now, release.reason)


def steps_of(spec: RolloutSpec) -> tuple[int, ...]:
    """The weights of the new colour, one after another; always ends with 100."""
    return (*(weight for weight in spec.steps if 0 < weight < 100), 100)


def advance(rollout: Rollout, step: Step, now: float) -> Rollout:
    """The rollout after `step` was carried out."""
    match step:
        case Apply():
            return _entered(rollout, Phase.BESIDE, now)
        case Smoke():
            before = rollout.phase in (Phase.BESIDE, Phase.SMOKE)
            return _entered(rollout, Phase.SMOKE, now) if before else rollout
        case Shift():
            return _shifted(rollout, step.step, now)
        case Enter(phase):
            return _entered(rollout, phase, now)
        case Promote():
            return _entered(rollout, Phase.RETIRE, now)
        case RollBack(reason):
            return replace(_entered(rollout, Phase.ROLL_BACK, now), reason=rollout.reason or reason)
        case Finish(outcome, reason):
            final = Phase.DONE if outcome is Outcome.PROMOTED else Phase.ROLLED_BACK
            return replace(_entered(rollout, final, now), reason=reason)
    return rollout


def _shifted(rollout: Rollout, step: int, now: float) -> Rollout:
    if rollout.phase is Phase.RETIRE:
        return rollout
    if step < 0:
        return _entered(rollout, Phase.BESIDE, now)
    last = len(steps_of(rollout.spec)) - 1
    return _entered(rollout, Phase.SHIFT if step < last else Phase.SOAK, now, min(step, last))


def _entered(rollout: Rollout, phase: Phase, now: float, step: int = 0) -> Rollout:
    """The clock starts when a phase, or a step of a shift, is entered; not when an order is repeated."""
    if (rollout.phase, rollout.step) == (phase, step):
        return rollout
    return replace(rollout, phase=phase, step=step, phase_since=now)
