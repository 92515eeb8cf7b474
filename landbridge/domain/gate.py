"""When a model is good enough: the gate and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Goal(StrEnum):
    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class VerdictOutcome(StrEnum):
    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"


@dataclass(frozen=True, slots=True)
class Threshold:
    """`metric` must lie within [minimum, maximum]; None = unbounded."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class BetterThanChampion:
    """The candidate's `metric` may be worse than the champion's by at most `tolerance` (a fraction of it, 0.02 = 2 %)."""

    metric: str
    goal: Goal
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Gate:
    """All criteria must hold. `rows_metric` names the metric that counts the rows scored."""

    thresholds: tuple[Threshold, ...] = ()
    better_than_champion: BetterThanChampion | None = None
    min_rows: int = 0
    rows_metric: str = "rows"


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion's answer."""

    rule: str
    outcome: VerdictOutcome
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fail beats Inconclusive beats Pass. One reason per criterion, in the gate's order."""

    outcome: VerdictOutcome
    reasons: tuple[Reason, ...]
    metrics: Mapping[str, float]

    @property
    def passed(self) -> bool:
        return self.outcome is VerdictOutcome.PASS
