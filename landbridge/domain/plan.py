"""The plan: a dry run of the whole story, made before anything changes."""

from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.placement import Placement
from landbridge.domain.residency import MovementKind

__all__ = [
    "Check", "Decision", "Finding", "FindingKind", "Movement", "MovementKind", "Plan", "PlannedStep",
]  # fmt: skip


class FindingKind(StrEnum):
    REFUSED = "refused"  # the plan may not be carried out on this target
    SUBSTITUTED = "substituted"  # honoured by something else, which `detail` names
    NOTE = "note"  # has no effect here, and says why that is right


@dataclass(frozen=True, slots=True)
class Finding:
    """What a driver says of one field of a job or of the serving settings."""

    field: str
    kind: FindingKind
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """Bytes that cross (or would cross) a site border.

    Attributes:
        size_bytes: None while unknown (a model before it is trained).
        rule: the rule that allows it, in words; or, when not allowed, the rule that forbids it.
    """

    kind: MovementKind
    name: str
    from_site: str
    to_site: str
    digest: str
    size_bytes: int | None
    allowed: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at beforehand."""

    name: str
    passed: bool
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of the flow: its name, the site or target it works on, and what it will do."""

    name: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Train again or not. `changes` names what differs from the last run: data, code, environment, job, forced."""

    due: bool
    reason: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run would do. It is carried out only when `refusals` is empty."""

    scenario: str
    pattern: str
    run_key: str
    decision: Decision
    placement: Placement
    serving: tuple[str, ...]  # target names
    steps: tuple[PlannedStep, ...]
    movements: tuple[Movement, ...]
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    refusals: tuple[str, ...]
