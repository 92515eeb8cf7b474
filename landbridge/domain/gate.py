"""When a model is good enough: the gate and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from landbridge.domain.errors import InputError
from landbridge.domain.nearest import nearest


class Goal(StrEnum):
    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class VerdictOutcome(StrEnum):
    PASS = "Pass"  # noqa: S105 - a verdict, no password
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
    """The candidate may be worse than the champion by at most `tolerance`: a fraction of its metric (0.02 = 2 %)."""

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
    """One criterion's answer; `detail` is a clause without a full stop."""

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


def judge(gate: Gate, candidate: Mapping[str, float], champion: Mapping[str, float] | None) -> Verdict:
    """Decide whether the candidate may replace the champion.

    Args:
        candidate: metric → value of the new model, one number each.
        champion: the same for the model that serves now; None before the first promotion.

    Raises:
        InputError: the gate names a metric that the job did not log.
    """
    for metric in wanted_metrics(gate):
        _must_be_logged(metric, candidate)
    reasons = [_judge_threshold(threshold, candidate[threshold.metric]) for threshold in gate.thresholds]
    if gate.better_than_champion:
        reasons.append(_judge_better(gate.better_than_champion, candidate, champion))
    if gate.min_rows > 0:
        reasons.append(_judge_rows(gate, candidate[gate.rows_metric]))
    return Verdict(_worst(reasons), tuple(reasons), dict(candidate))


def wanted_metrics(gate: Gate) -> tuple[str, ...]:
    """The metrics that the job must log for `gate`, each once, in the gate's order."""
    names = [threshold.metric for threshold in gate.thresholds]
    if gate.better_than_champion:
        names.append(gate.better_than_champion.metric)
    if gate.min_rows > 0:
        names.append(gate.rows_metric)
    return tuple(dict.fromkeys(names))


def _must_be_logged(metric: str, candidate: Mapping[str, float]) -> None:
    if metric in candidate:
        return
    logged = ", ".join(sorted(candidate)) or "nothing"
    raise InputError(
        f"The gate needs metric {metric!r}{nearest(metric, candidate)}, but the job logged {logged}.",
        f"Log {metric!r} in the job (mlflow.log_metric), or name a logged metric in the scenario's gate.",
    )


def _judge_threshold(threshold: Threshold, value: float) -> Reason:
    rule = f"threshold:{threshold.metric}"
    if not isfinite(value):
        return _not_a_number(rule, threshold.metric, value)
    if threshold.minimum is not None and value < threshold.minimum:
        return Reason(rule, _FAIL, f"{threshold.metric} is {value:g}, below the minimum of {threshold.minimum:g}")
    if threshold.maximum is not None and value > threshold.maximum:
        return Reason(rule, _FAIL, f"{threshold.metric} is {value:g}, above the maximum of {threshold.maximum:g}")
    return Reason(rule, _PASS, f"{threshold.metric} is {value:g}, within {_range(threshold)}")


def _judge_better(
    rule: BetterThanChampion, candidate: Mapping[str, float], champion: Mapping[str, float] | None
) -> Reason:
    name, metric, value = f"better-than-champion:{rule.metric}", rule.metric, candidate[rule.metric]
    if not isfinite(value):
        return _not_a_number(name, metric, value)
    if champion is None:
        return Reason(name, _PASS, f"{metric} is {value:g}; no champion yet")
    best = champion.get(metric)
    if best is None:
        return Reason(name, _INCONCLUSIVE, f"The champion has no metric {metric}, so nothing can be compared")
    if not isfinite(best):
        return Reason(name, _INCONCLUSIVE, f"The champion's {metric} is {best}, so nothing can be compared")
    slack = abs(best) * rule.tolerance
    good = value <= best + slack if rule.goal is Goal.MINIMIZE else value >= best - slack
    verb = "is good enough" if good else "is too far"
    margin = f"to {rule.goal} with {rule.tolerance:.1%} tolerance"
    detail = f"{metric} is {value:g}; the champion has {best:g}, {margin}: {verb}"
    return Reason(name, _PASS if good else _FAIL, detail)


def _judge_rows(gate: Gate, rows: float) -> Reason:
    rule = "min-rows"
    if not isfinite(rows):
        return _not_a_number(rule, gate.rows_metric, rows)
    if rows < gate.min_rows:
        return Reason(rule, _INCONCLUSIVE, f"Only {rows:g} rows were scored; {gate.min_rows} are needed to judge")
    return Reason(rule, _PASS, f"{rows:g} rows were scored, at least {gate.min_rows}")


def _not_a_number(rule: str, metric: str, value: float) -> Reason:
    return Reason(rule, _FAIL, f"{metric} is {value}, which is not a finite number")


def _range(threshold: Threshold) -> str:
    low = "" if threshold.minimum is None else f"at least {threshold.minimum:g}"
    high = "" if threshold.maximum is None else f"at most {threshold.maximum:g}"
    return " and ".join(filter(None, (low, high))) or "no bounds"


def _worst(reasons: list[Reason]) -> VerdictOutcome:
    outcomes = {reason.outcome for reason in reasons}
    return next((worst for worst in (_FAIL, _INCONCLUSIVE) if worst in outcomes), _PASS)


_PASS, _FAIL, _INCONCLUSIVE = VerdictOutcome.PASS, VerdictOutcome.FAIL, VerdictOutcome.INCONCLUSIVE
