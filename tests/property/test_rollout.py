"""What the rollout machine holds, whatever is observed: search, adversary, and every state of two sites."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.ledger import Outcome
from landbridge.domain.rollout import (
    FOLLOW_SECONDS,
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
    advance,
    next_step,
)
from landbridge.domain.scenario import RolloutSpec
from landbridge.domain.values import ColourPhase

LIMIT = 1200.0
READY, PENDING, FAILED = ColourPhase.READY, ColourPhase.PENDING, ColourPhase.FAILED
PHASES = (None, PENDING, READY, FAILED)

traffics = st.sampled_from([{}, {"green": 100}, {"blue": 100}, {"green": 10, "blue": 90}, {"purple": 100}])
sightings = st.builds(
    SiteObserved,
    new_phase=st.sampled_from(PHASES),
    old_phase=st.sampled_from(PHASES),
    traffic=traffics,
    smoke=st.sampled_from([None, True, False]),
    answered=st.integers(0, 200),
    failed=st.integers(0, 5),
    reachable=st.sampled_from([True, True, True, False]),
)
specs = st.builds(
    RolloutSpec,
    steps=st.sampled_from([(100,), (10, 100), (5, 25, 50, 100), ()]),
    step_seconds=st.sampled_from([0.0, 0.001, 10.0]),
    soak_seconds=st.sampled_from([0.0, 30.0, 5000.0]),
)


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    sites = ("cloud", "onprem")[: draw(st.integers(1, 2))]
    old = {site: draw(st.sampled_from(["", "blue"])) for site in sites}
    phase = draw(st.sampled_from(list(Phase)))
    return Rollout(sites, dict.fromkeys(sites, "green"), old, draw(specs), phase, draw(st.integers(0, 5)))


@st.composite
def looks(draw: st.DrawFn) -> tuple[Rollout, dict[str, SiteObserved], float]:
    rollout = draw(rollouts())
    observed = {site: draw(sightings) for site in rollout.sites if draw(st.integers(0, 9))}
    return rollout, observed, draw(st.sampled_from([0.0, 5.0, 61.0, 1300.0, 9000.0]))


def weights_of(step: Step) -> Mapping[str, Mapping[str, int]]:
    return step.weights if isinstance(step, Shift | RollBack) else {}


def check_order(rollout: Rollout, observed: Mapping[str, SiteObserved], step: Step) -> None:
    """The rules for one order, given what was seen."""
    for site, weights in weights_of(step).items():
        seen = observed[site]
        assert sum(weights.values()) in (0, 100)
        assert set(weights) <= {rollout.new[site], rollout.old[site]}
        if weights.get(rollout.old[site]):
            assert seen.old_phase is READY
        if weights.get(rollout.new[site]):
            assert seen.new_phase is READY
            assert seen.smoke is not False
            forward = isinstance(step, Shift) and step.step >= 0
            assert seen.smoke is True if forward else seen.traffic.get(rollout.new[site])
    if isinstance(step, Shift) and step.step >= 0 and rollout.phase is not Phase.RETIRE:
        assert set(step.weights) == set(rollout.sites)
    if isinstance(step, Retire):
        for site, colour in step.colours.items():
            assert not observed[site].traffic.get(colour)
            assert colour == (rollout.old if rollout.phase is Phase.RETIRE else rollout.new)[site]
            assert rollout.phase in (Phase.RETIRE, Phase.ROLL_BACK)


@given(looks())
def test_any_phase_with_any_observation_orders_only_what_is_allowed(
    look: tuple[Rollout, dict[str, SiteObserved], float],
) -> None:
    rollout, observed, now = look
    seen = {site: one for site, one in observed.items() if one.reachable}
    check_order(rollout, seen, next_step(rollout, observed, now, LIMIT))


@given(rollouts(), st.data())
def test_the_machine_ends_against_an_observer_that_lies(rollout: Rollout, data: st.DataObject) -> None:
    script = data.draw(st.lists(st.lists(sightings, min_size=2, max_size=2), min_size=1, max_size=12))
    stride = data.draw(st.sampled_from([0.5, 7.0, 60.0]))
    # Every phase has a limit; with this stride no more looks than that fit into all of them.
    spec = rollout.spec
    total = LIMIT + 6 * (spec.step_seconds + FOLLOW_SECONDS) + spec.soak_seconds + 3 * FOLLOW_SECONDS
    now, looked = 0.0, 0
    while rollout.phase not in (Phase.DONE, Phase.ROLLED_BACK):
        observed = dict(zip(rollout.sites, script[looked % len(script)], strict=False))
        step = next_step(rollout, observed, now, LIMIT)
        check_order(rollout, {site: one for site, one in observed.items() if one.reachable}, step)
        now += max(stride, step.seconds) if isinstance(step, Wait) else stride
        rollout = advance(rollout, step, now)
        looked += 1
        assert looked < total / stride + 50
    assert isinstance(next_step(rollout, {}, now, LIMIT), Finish)


@dataclass
class Site:
    """A serving target that follows orders: what is applied becomes Ready, unless it is told to fail."""

    colours: dict[str, ColourPhase] = field(default_factory=dict)
    traffic: dict[str, int] = field(default_factory=dict)
    smoke: bool | None = None
    becomes: ColourPhase = READY
    answers: bool = True
    errors: int = 0

    def apply(self, colour: str) -> None:
        self.colours[colour] = self.becomes
        self.smoke = None

    def shift(self, weights: Mapping[str, int]) -> None:
        self.traffic = {colour: weight for colour, weight in weights.items() if weight}
        assert all(self.colours[colour] is READY for colour in self.traffic)

    def remove(self, colour: str) -> None:
        assert not self.traffic.get(colour)
        del self.colours[colour]

    def look(self, new: str, old: str) -> SiteObserved:
        seen = self.colours.get(new)
        counts = (100, self.errors) if self.traffic.get(new) else (0, 0)
        return SiteObserved(seen, "", self.colours.get(old), dict(self.traffic), self.smoke, "", counts[0], counts[1])


def carry_out(step: Step, sites: dict[str, Site], rollout: Rollout) -> None:
    match step:
        case Apply(names):
            for name in names:
                sites[name].apply(rollout.new[name])
        case Smoke(names):
            sites.update({name: replace(sites[name], smoke=sites[name].answers) for name in names})
        case Shift(weights) | RollBack(_, weights):
            for name, traffic in weights.items():
                sites[name].shift(traffic)
        case Retire(colours):
            for name, colour in colours.items():
                sites[name].remove(colour)


def run(
    rollout: Rollout, sites: dict[str, Site], crashes: frozenset[int] = frozenset(), pace: float = 1.0
) -> tuple[Rollout, list[Step]]:
    """Drive to the end. At a look in `crashes` the process dies after the order, before it is written down."""
    now, steps = 0.0, []
    for looked in range(2000):
        observed = {name: site.look(rollout.new[name], rollout.old[name]) for name, site in sites.items()}
        step = next_step(rollout, observed, now, LIMIT)
        check_order(rollout, observed, step)
        steps.append(step)
        carry_out(step, sites, rollout)
        now += step.seconds * pace if isinstance(step, Wait) else 0.1
        if looked in crashes:
            rollout = replace(rollout, phase_since=now)
            for site in sites.values():
                site.smoke = None
            continue
        rollout = advance(rollout, step, now)
        if isinstance(step, Finish):
            return rollout, steps
    raise AssertionError(f"no end: {steps[-5:]}")


def start(spec: RolloutSpec, *names: str, old: str = "blue") -> tuple[Rollout, dict[str, Site]]:
    rollout = Rollout(names, dict.fromkeys(names, "green"), dict.fromkeys(names, old), spec)
    colours, traffic = ({old: READY}, {old: 100}) if old else ({}, {})
    return rollout, {name: Site(dict(colours), dict(traffic)) for name in names}


@pytest.mark.parametrize("old", ["", "blue"])
@given(spec=specs, crashes=st.frozensets(st.integers(0, 25), max_size=6))
def test_a_good_version_serves_everywhere_whenever_the_process_dies(
    old: str, spec: RolloutSpec, crashes: frozenset[int]
) -> None:
    rollout, sites = start(spec, "cloud", "onprem", old=old)
    end, steps = run(rollout, sites, crashes)
    assert end.phase is Phase.DONE
    assert isinstance(steps[-1], Finish)
    assert steps[-1].outcome is Outcome.PROMOTED
    assert all(site.traffic == {"green": 100} and site.colours == {"green": READY} for site in sites.values())
    first_shift = next(index for index, step in enumerate(steps) if isinstance(step, Shift))
    assert not any(isinstance(step, Retire) for step in steps[: steps.index(Promote())])
    assert any(isinstance(step, Smoke) for step in steps[:first_shift])


@pytest.mark.parametrize("old", ["", "blue"])
@pytest.mark.parametrize("fault", ["becomes", "answers", "errors"])
@given(crashes=st.frozensets(st.integers(0, 12), max_size=4))
def test_one_bad_site_rolls_all_back_and_leaves_no_orphan(old: str, fault: str, crashes: frozenset[int]) -> None:
    rollout, sites = start(RolloutSpec((10, 100), 1.0, 5.0), "cloud", "onprem", old=old)
    setattr(sites["onprem"], fault, {"becomes": FAILED, "answers": False, "errors": 50}[fault])
    end, steps = run(rollout, sites, crashes)
    assert end.phase is Phase.ROLLED_BACK
    assert end.reason
    assert Promote() not in steps
    if old:
        assert all(site.traffic == {"blue": 100} and site.colours == {"blue": READY} for site in sites.values())
    elif fault != "errors":
        assert all(not any(site.traffic.values()) and not site.colours for site in sites.values())


STATES = [
    (new, old, weights, smoke)
    for new, old, smoke in itertools.product(PHASES, (None, PENDING, READY), (None, True, False))
    for weights in ({}, {"green": 100}, {"blue": 100}, {"green": 10, "blue": 90})
    if all({"green": new, "blue": old}[colour] for colour in weights)
]
TWO = ("cloud", "onprem")


def test_every_pair_of_site_states_gets_an_allowed_order_in_every_phase() -> None:
    for one, two in itertools.combinations_with_replacement(STATES, 2):
        sites = (as_site(*one), as_site(*two))
        observed = {name: site.look("green", "blue") for name, site in zip(TWO, sites, strict=True)}
        for phase in Phase:
            check_order(hybrid(phase), observed, next_step(hybrid(phase), observed, 5.0, LIMIT))


@pytest.mark.parametrize("phase", Phase)
def test_from_every_phase_and_state_of_two_sites_that_follow_orders_there_is_an_end(phase: Phase) -> None:
    for one, two in itertools.product(STATES, STATES[::20]):
        end, _ = run(hybrid(phase), {"cloud": as_site(*one), "onprem": as_site(*two)}, pace=40.0)
        assert end.phase in (Phase.DONE, Phase.ROLLED_BACK)


def hybrid(phase: Phase) -> Rollout:
    spec = RolloutSpec((10, 100), 1.0, 1.0)
    return Rollout(TWO, dict.fromkeys(TWO, "green"), dict.fromkeys(TWO, "blue"), spec, phase)


def as_site(new: ColourPhase | None, old: ColourPhase | None, traffic: Mapping[str, int], smoke: bool | None) -> Site:
    colours = {name: phase for name, phase in (("green", new), ("blue", old)) if phase}
    return Site(colours, dict(traffic), smoke, answers=smoke is not False)


def test_every_order_for_one_site_is_allowed_in_every_state() -> None:
    for phase, new, old, smoke, now in itertools.product(Phase, PHASES, PHASES, (None, True, False), (0.0, 70.0, 9e4)):
        for traffic in ({}, {"green": 100}, {"blue": 100}, {"green": 10, "blue": 90}):
            for previous in ("", "blue"):
                rollout = Rollout(("s",), {"s": "green"}, {"s": previous}, RolloutSpec((10, 100)), phase)
                observed = {"s": SiteObserved(new, "", old if previous else None, traffic, smoke)}
                check_order(rollout, observed, next_step(rollout, observed, now, LIMIT))


def test_readiness_lost_under_traffic_gives_it_back_and_starts_again() -> None:
    rollout, sites = start(RolloutSpec((100,), 0.0, 30.0), "cloud", "onprem")
    rollout = replace(rollout, phase=Phase.SOAK)
    for site in sites.values():
        site.colours["green"], site.traffic, site.smoke = READY, {"green": 100}, True
    sites["cloud"].colours["green"] = PENDING
    observed = {name: site.look("green", "blue") for name, site in sites.items()}
    step = next_step(rollout, observed, 1.0, LIMIT)
    assert isinstance(step, Shift)
    assert step.step == -1
    assert step.weights == {site: {"green": 0, "blue": 100} for site in sites}
    assert advance(rollout, step, 1.0).phase is Phase.BESIDE


def test_rollback_keeps_the_new_colour_where_nothing_else_answers() -> None:
    rollout, _ = start(RolloutSpec(), "cloud", "onprem")
    rollout = replace(rollout, phase=Phase.SOAK)
    observed = {
        "cloud": SiteObserved(READY, "", None, {"green": 100}, True),
        "onprem": SiteObserved(FAILED, "crashes", READY, {"green": 100}, True),
    }
    step = next_step(rollout, observed, 1.0, LIMIT)
    assert step == RollBack("onprem: green failed (crashes)", {"onprem": {"green": 0, "blue": 100}})
    after = advance(rollout, step, 1.0)
    settled = {**observed, "onprem": SiteObserved(None, "", READY, {"blue": 100})}
    end = next_step(after, settled, 1.1, LIMIT)
    assert end == Finish(Outcome.ROLLED_BACK, "onprem: green failed (crashes); cloud keeps green")


def test_the_deadline_ends_a_colour_that_never_gets_ready() -> None:
    rollout, _ = start(RolloutSpec(), "cloud")
    observed = {"cloud": SiteObserved(PENDING, "ImagePullBackOff", READY, {"blue": 100})}
    assert isinstance(next_step(rollout, observed, LIMIT - 1, LIMIT), Wait)
    assert next_step(rollout, observed, LIMIT, LIMIT) == RollBack(
        "not ready in time: cloud: green is Pending (ImagePullBackOff)", {}
    )


def test_the_soak_over_is_written_down_before_the_champion_moves() -> None:
    rollout, _ = start(RolloutSpec(), "cloud")
    rollout = replace(rollout, phase=Phase.SOAK)
    observed = {"cloud": SiteObserved(READY, "", READY, {"green": 100}, True)}
    step = next_step(rollout, observed, 1.0, LIMIT)
    assert step == Enter(Phase.PROMOTE)
    assert next_step(advance(rollout, step, 1.0), observed, 1.0, LIMIT) == Promote()
