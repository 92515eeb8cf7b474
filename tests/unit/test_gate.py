"""The gate: Fail beats Inconclusive beats Pass, and every criterion gives its reason."""

from collections.abc import Mapping
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.errors import InputError
from landbridge.domain.gate import BetterThanChampion, Gate, Goal, Threshold, VerdictOutcome, judge, wanted_metrics

PASS, FAIL, UNSURE = VerdictOutcome.PASS, VerdictOutcome.FAIL, VerdictOutcome.INCONCLUSIVE
GATE = Gate((Threshold("mae", maximum=20.0),), BetterThanChampion("mae", Goal.MINIMIZE, 0.1), min_rows=100)


@pytest.mark.parametrize(
    ("candidate", "champion", "outcome", "said"),
    [
        ({"mae": 10.0, "rows": 100.0}, None, PASS, "no champion yet"),
        ({"mae": 10.9, "rows": 100.0}, {"mae": 10.0}, PASS, "good enough"),
        ({"mae": 11.1, "rows": 100.0}, {"mae": 10.0}, FAIL, "too far"),
        ({"mae": 21.0, "rows": 100.0}, None, FAIL, "above the maximum of 20"),
        ({"mae": 10.0, "rows": 99.0}, None, UNSURE, "Only 99 rows"),
        ({"mae": 10.0, "rows": 100.0}, {"rmse": 1.0}, UNSURE, "no metric mae"),
        ({"mae": 10.0, "rows": 100.0}, {"mae": nan}, UNSURE, "champion's mae is nan"),
        ({"mae": nan, "rows": 99.0}, {}, FAIL, "not a finite number"),
        ({"mae": -inf, "rows": 100.0}, None, FAIL, "not a finite number"),
        ({"mae": 10.0, "rows": nan}, None, FAIL, "not a finite number"),
        ({"mae": 21.0, "rows": 1.0}, {}, FAIL, "above"),
    ],
)
def test_the_worst_criterion_decides(
    candidate: Mapping[str, float], champion: Mapping[str, float] | None, outcome: VerdictOutcome, said: str
) -> None:
    verdict = judge(GATE, candidate, champion)
    assert verdict.outcome is outcome
    assert verdict.passed is (outcome is PASS)
    assert any(said in reason.detail for reason in verdict.reasons)
    assert [reason.rule for reason in verdict.reasons] == ["threshold:mae", "better-than-champion:mae", "min-rows"]


def test_maximize_looks_the_other_way() -> None:
    gate = Gate(better_than_champion=BetterThanChampion("r2", Goal.MAXIMIZE, 0.1))
    assert judge(gate, {"r2": 0.91}, {"r2": 1.0}).outcome is PASS
    assert judge(gate, {"r2": 0.89}, {"r2": 1.0}).outcome is FAIL


def test_a_negative_champion_gives_slack_in_the_right_direction() -> None:
    gate = Gate(better_than_champion=BetterThanChampion("loss", Goal.MINIMIZE, 0.1))
    assert judge(gate, {"loss": -9.5}, {"loss": -10.0}).outcome is PASS


def test_a_minimum_is_kept() -> None:
    gate = Gate((Threshold("r2", minimum=0.5),))
    assert judge(gate, {"r2": 0.5}, None).outcome is PASS
    assert judge(gate, {"r2": 0.4}, None).outcome is FAIL


def test_a_metric_that_the_job_does_not_log_is_an_input_error_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        judge(GATE, {"mea": 1.0, "rows": 100.0}, None)
    assert "'mae'" in caught.value.message
    assert "did you mean 'mea'" in caught.value.message
    assert "mea, rows" in caught.value.message


def test_the_rows_metric_must_be_logged_only_when_rows_are_asked_for() -> None:
    assert wanted_metrics(GATE) == ("mae", "rows")
    assert judge(Gate((Threshold("mae"),)), {"mae": 1.0}, None).outcome is PASS


def test_an_empty_gate_passes() -> None:
    assert judge(Gate(), {}, None).passed


metrics = st.dictionaries(st.sampled_from(["mae", "rows"]), st.floats(), min_size=2)


@given(metrics, st.none() | st.dictionaries(st.sampled_from(["mae", "rows"]), st.floats()))
def test_every_set_of_numbers_gets_a_verdict_with_three_reasons(
    candidate: dict[str, float], champion: dict[str, float] | None
) -> None:
    verdict = judge(GATE, candidate, champion)
    assert len(verdict.reasons) == 3
    outcomes = {reason.outcome for reason in verdict.reasons}
    assert verdict.outcome is (FAIL if FAIL in outcomes else UNSURE if UNSURE in outcomes else PASS)
