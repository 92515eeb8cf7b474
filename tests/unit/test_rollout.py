"""The rollout machine, one rule at a time. What holds for every observation stands in tests/property/test_rollout.py."""

from dataclasses import replace

import pytest

from landbridge.domain.errors import CorruptError
from landbridge.domain.ledger import Outcome, Release
from landbridge.domain.rollout import (
    FOLLOW_SECONDS,
    Apply,
    Finish,
    Phase,
    Promote,
    Retire,
    RollBack,
    Rollout,
    Shift,
    SiteObserved,
    Smoke,
    Wait,
    advance,
    next_step,
    resume,
    steps_of,
)
from landbridge.domain.scenario import RolloutSpec
from landbridge.domain.values import ColourPhase

READY, PENDING, FAILED = ColourPhase.READY, ColourPhase.PENDING, ColourPhase.FAILED
LIMIT = 1200.0
OLD = SiteObserved(None, "", READY, {"blue": 100})
BESIDE = replace(OLD, new_phase=READY)
PASSED = replace(BESIDE, smoke=True)
SERVING = replace(PASSED, traffic={"green": 100})


def rollout(phase: Phase, *sites: str, steps: tuple[int, ...] = (100,), **spec: float) -> Rollout:
    names = sites or ("cloud",)
    made = RolloutSpec(steps, **spec)
    return Rollout(names, dict.fromkeys(names, "green"), dict.fromkeys(names, "blue"), made, phase)


def test_the_story_in_order() -> None:
    one = rollout(Phase.BESIDE)
    story = [
        (OLD, Apply(("cloud",))),
        (replace(OLD, new_phase=PENDING), Wait("cloud: green is Pending", 0.02)),
        (BESIDE, Smoke(("cloud",))),
        (PASSED, Shift({"cloud": {"green": 100, "blue": 0}}, 0)),
    ]
    for seen, expected in story:
        step = next_step(one, {"cloud": seen}, 0.1, LIMIT)
        assert step == expected
        one = advance(one, step, 0.1)
    assert one.phase is Phase.SOAK


def test_retire_then_done() -> None:
    one = rollout(Phase.PROMOTE)
    assert next_step(one, {"cloud": SERVING}, 0.0, LIMIT) == Promote()
    one = advance(one, Promote(), 0.0)
    assert next_step(one, {"cloud": SERVING}, 0.0, LIMIT) == Retire({"cloud": "blue"})
    gone = replace(SERVING, old_phase=None)
    end = next_step(advance(one, Retire({"cloud": "blue"}), 0.0), {"cloud": gone}, 0.0, LIMIT)
    assert end == Finish(Outcome.PROMOTED, "")
    assert advance(one, end, 0.0).phase is Phase.DONE


def test_weights_rise_step_by_step_and_are_watched_between() -> None:
    one = rollout(Phase.SHIFT, steps=(10, 100), step_seconds=30.0)
    at_ten = replace(PASSED, traffic={"green": 10, "blue": 90})
    waiting = next_step(one, {"cloud": at_ten}, 29.0, LIMIT)
    assert isinstance(waiting, Wait)
    assert waiting.seconds <= 1.0
    assert next_step(one, {"cloud": at_ten}, 30.0, LIMIT) == Shift({"cloud": {"green": 100, "blue": 0}}, 1)


def test_steps_always_end_with_all_traffic() -> None:
    assert steps_of(RolloutSpec(())) == (100,)
    assert steps_of(RolloutSpec((5, 50))) == (5, 50, 100)
    assert steps_of(RolloutSpec((0, 50, 100))) == (50, 100)


def test_traffic_that_does_not_follow_is_ordered_again_then_rolled_back() -> None:
    one = rollout(Phase.SOAK, soak_seconds=10.0)
    assert isinstance(next_step(one, {"cloud": PASSED}, 5.0, LIMIT), Shift)
    late = LIMIT + 10 + FOLLOW_SECONDS
    assert next_step(one, {"cloud": PASSED}, late + 1, LIMIT) == RollBack("traffic did not follow at cloud", {})


def test_errors_above_the_limit_roll_back_and_at_the_limit_do_not() -> None:
    one = rollout(Phase.SOAK, soak_seconds=10.0)
    fine = replace(SERVING, answered=100, failed=1)
    assert isinstance(next_step(one, {"cloud": fine}, 1.0, LIMIT), Wait)
    bad = replace(SERVING, answered=100, failed=2)
    assert next_step(one, {"cloud": bad}, 1.0, LIMIT) == RollBack(
        "cloud: 2 of 100 requests failed, more than 1 percent", {"cloud": {"green": 0, "blue": 100}}
    )


def test_a_failed_smoke_test_at_one_site_moves_none() -> None:
    one = rollout(Phase.SMOKE, "cloud", "onprem")
    seen = {"cloud": PASSED, "onprem": replace(BESIDE, smoke=False, smoke_detail="status 500")}
    step = next_step(one, seen, 0.0, LIMIT)
    assert step == RollBack("onprem: the smoke test failed (status 500)", {})
    after = advance(one, step, 0.0)
    assert next_step(after, seen, 0.0, LIMIT) == Retire({"cloud": "green", "onprem": "green"})


def test_nothing_moves_before_every_site_is_smoke_tested() -> None:
    one = rollout(Phase.SMOKE, "cloud", "onprem")
    assert next_step(one, {"cloud": PASSED, "onprem": BESIDE}, 0.0, LIMIT) == Smoke(("onprem",))


def test_a_smoke_test_from_before_a_restart_does_not_count() -> None:
    assert next_step(rollout(Phase.BESIDE), {"cloud": PASSED}, 0.0, LIMIT) == Smoke(("cloud",))
    resumed = replace(SERVING, smoke=None)
    assert next_step(rollout(Phase.SOAK), {"cloud": resumed}, 0.0, LIMIT) == Smoke(("cloud",))


def test_a_first_release_gets_all_traffic_at_once() -> None:
    one = replace(rollout(Phase.SMOKE, steps=(10, 100)), old={"cloud": ""})
    seen = SiteObserved(READY, smoke=True)
    assert next_step(one, {"cloud": seen}, 0.0, LIMIT) == Shift({"cloud": {"green": 100}}, 0)


def test_an_old_colour_that_died_gets_no_weight() -> None:
    one = rollout(Phase.SMOKE, steps=(10, 100))
    seen = replace(PASSED, old_phase=FAILED, traffic={})
    assert next_step(one, {"cloud": seen}, 0.0, LIMIT) == Shift({"cloud": {"green": 100, "blue": 0}}, 0)


def test_rollback_waits_for_an_old_colour_that_restarts() -> None:
    one = replace(rollout(Phase.ROLL_BACK), reason="bad")
    seen = replace(SERVING, old_phase=PENDING)
    assert isinstance(next_step(one, {"cloud": seen}, 1.0, LIMIT), Wait)
    ready = replace(seen, old_phase=READY)
    assert next_step(one, {"cloud": ready}, 1.0, LIMIT) == RollBack("bad", {"cloud": {"green": 0, "blue": 100}})


def test_a_wrong_model_gets_no_traffic_even_when_nothing_else_answers() -> None:
    one = rollout(Phase.SOAK)
    seen = replace(SERVING, old_phase=None, smoke=False)
    step = next_step(one, {"cloud": seen}, 1.0, LIMIT)
    assert isinstance(step, RollBack)
    assert step.weights == {"cloud": {"green": 0}}


def test_a_site_that_does_not_answer_is_waited_for_then_rolled_back() -> None:
    one = rollout(Phase.SOAK, "cloud", "onprem")
    seen = {"cloud": SERVING, "onprem": SiteObserved(reachable=False)}
    assert isinstance(next_step(one, seen, 1.0, LIMIT), Wait)
    assert isinstance(next_step(one, {"cloud": SERVING}, 1.0, LIMIT), Wait)
    step = next_step(one, seen, LIMIT + FOLLOW_SECONDS + 1, LIMIT)
    assert step == RollBack(
        "readiness was lost: onprem: green is Pending (the site does not answer)", {"cloud": {"green": 0, "blue": 100}}
    )


def test_after_promotion_an_old_colour_stays_while_the_new_one_is_not_ready() -> None:
    one = rollout(Phase.RETIRE)
    seen = replace(SERVING, new_phase=PENDING)
    assert isinstance(next_step(one, {"cloud": seen}, 1.0, LIMIT), Wait)
    end = next_step(one, {"cloud": seen}, FOLLOW_SECONDS + 1, LIMIT)
    assert end == Finish(Outcome.PROMOTED, "promoted, but not settled everywhere; still there: cloud blue")


def test_the_first_reason_of_a_rollback_is_kept() -> None:
    one = advance(rollout(Phase.SOAK), RollBack("first", {}), 1.0)
    assert advance(one, RollBack("second", {}), 2.0) == one


def test_the_clock_of_a_phase_starts_when_it_is_entered() -> None:
    one = advance(rollout(Phase.SMOKE, steps=(10, 100)), Shift({}, 0), 5.0)
    assert (one.phase, one.phase_since) == (Phase.SHIFT, 5.0)
    assert advance(one, Shift({}, 0), 9.0).phase_since == 5.0
    assert advance(one, Wait("", 1.0), 9.0) == one


def release(phase: str) -> Release:
    return Release(
        "k-1",
        "s",
        "k",
        "e",
        "m",
        "2",
        {"cloud": "green"},
        {"cloud": ""},
        phase,
        1,
        Outcome.RUNNING,
        "",
        "run",
        0.0,
        0.0,
    )


def test_resume_goes_on_in_the_phase_of_the_ledger_with_a_new_clock() -> None:
    one = resume(release("Shift"), RolloutSpec((10, 100)), 77.0)
    assert (one.phase, one.step, one.phase_since, one.sites) == (Phase.SHIFT, 1, 77.0, ("cloud",))


def test_an_unknown_phase_is_a_corrupt_ledger() -> None:
    with pytest.raises(CorruptError, match="'Dancing'"):
        resume(release("Dancing"), RolloutSpec(), 0.0)


def test_readiness_lost_after_the_deadline_rolls_back_and_is_told() -> None:
    one = replace(rollout(Phase.SOAK, soak_seconds=9000.0), phase_since=LIMIT)
    seen = replace(SERVING, new_phase=PENDING, new_reason="restarting")
    assert next_step(one, {"cloud": seen}, LIMIT + 1, LIMIT) == RollBack(
        "readiness was lost: cloud: green is Pending (restarting)", {"cloud": {"green": 0, "blue": 100}}
    )
