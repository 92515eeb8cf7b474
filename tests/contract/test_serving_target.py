"""What every ServingTarget promises. A new driver joins with one line in DRIVERS."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from landbridge import drivers
from landbridge.domain.errors import ConflictError, InputError, NotFoundError, TargetUnavailableError
from landbridge.domain.inventory import Inventory
from landbridge.domain.requests import ColourSpec, ColourStatus, ResolvedEnvironment
from landbridge.domain.values import ColourPhase
from landbridge.ports import (
    CanCountRequests,
    CanForesee,
    CanListEndpoints,
    CanShiftTraffic,
    LimitsTraffic,
    ServingTarget,
)
from tests.contract.conftest import assert_same_signatures

pytest_plugins = ["tests.services.local_serving"]

READY_SECONDS = 20.0
BODY = '{"dataframe_split": {"columns": ["x"], "data": [[2.0]]}}'


@dataclass(frozen=True)
class Bench:
    """One driver: its inventory, two models with digests, and a home where nothing is up."""

    inventory: Inventory
    models: tuple[tuple[str, str], tuple[str, str]]
    down: Inventory

    def connect(self) -> Any:
        return drivers.serving_target(self.inventory.targets["serving"], self.inventory)


def memory(request: pytest.FixtureRequest, home: Path) -> Bench:
    from landbridge.drivers.memory.faults import FaultPlan
    from tests.services.serving_host import inventory

    names = ("apply", "observe", "predict", "remove", "shift", "counts", "endpoints")
    FaultPlan(home / "down" / "sites" / "onprem" / "serving" / "serving").plan(
        **{name: ["TargetUnavailableError"] for name in names}
    )
    models = (("/models/1", "sha256:1"), ("/models/2", "sha256:2"))
    broken: dict[str, object] = {"colours": {"*/broken": {"reason": "DigestMismatch: as planned"}}}
    return Bench(inventory(home, "memory", broken), models, inventory(home / "down", "memory"))


def local(request: pytest.FixtureRequest, home: Path) -> Bench:
    from tests.services.serving_host import inventory
    from tests.services.tiny_models import line

    host = request.getfixturevalue("local_serving")
    return Bench(inventory(host.home), (line(1.0), line(2.0)), inventory(home / "down"))


DRIVERS = [pytest.param(memory, id="memory"), pytest.param(local, id="local", marks=pytest.mark.services)]


@pytest.fixture(params=DRIVERS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    made: Bench = request.param(request, tmp_path)
    return made


@pytest.fixture
def endpoint() -> str:
    return f"line-{uuid.uuid4().hex[:8]}"


def spec(bench: Bench, endpoint: str, colour: str = "blue", model: int = 0) -> ColourSpec:
    url, digest = bench.models[model]
    return ColourSpec(endpoint, colour, "line", str(model + 1), url, digest, ResolvedEnvironment("any", "current"))


def settle(target: ServingTarget, endpoint: str, colour: str = "blue") -> ColourStatus:
    """The colour once it is Ready or Failed."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        found = target.observe(endpoint).colours[colour]
        if found.phase is not ColourPhase.PENDING:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{colour} of {endpoint} stays Pending")


def counted(target: Any, endpoint: str) -> int:
    """Answers of blue, where the driver counts them."""
    return target.counts(endpoint)["blue"].answered if isinstance(target, CanCountRequests) else 0


@pytest.fixture
def serving(bench: Bench, endpoint: str) -> Any:
    """A target with a Ready blue colour that has all the traffic."""
    target = bench.connect()
    target.apply(spec(bench, endpoint))
    assert settle(target, endpoint).phase is ColourPhase.READY
    target.shift(endpoint, {"blue": 100})
    yield target
    target.shift(endpoint, {})
    for colour in target.observe(endpoint).colours:
        target.remove(endpoint, colour)


def test_an_absent_endpoint_has_no_colours(bench: Bench, endpoint: str) -> None:
    status = bench.connect().observe(endpoint)
    assert (status.endpoint, status.url, status.colours, status.traffic) == (endpoint, "", {}, {})


def test_a_driver_has_the_powers_of_a_rollout(bench: Bench) -> None:
    target = bench.connect()
    assert isinstance(target, ServingTarget)
    assert isinstance(target, CanShiftTraffic)
    assert isinstance(target, CanListEndpoints)
    may_have = [port for port in (CanCountRequests, CanForesee) if isinstance(target, port)]
    for port in (ServingTarget, CanShiftTraffic, CanListEndpoints, *may_have):
        assert_same_signatures(port, type(target))


def test_a_new_colour_becomes_ready_without_traffic(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(spec(bench, endpoint, "green", 1))
    status = settle(serving, endpoint, "green")
    assert (status.phase, status.version, status.reason) == (ColourPhase.READY, "2", "")
    assert serving.observe(endpoint).traffic == {"blue": 100, "green": 0}


def test_the_percentages_that_it_can_give_hold_for_a_shift(bench: Bench, serving: Any, endpoint: str) -> None:
    if not isinstance(serving, LimitsTraffic):
        return  # any percent will do
    assert_same_signatures(LimitsTraffic, type(serving))
    assert {0, 100} <= serving.percents() <= set(range(101))


def test_another_connection_sees_the_same_endpoint(bench: Bench, serving: Any, endpoint: str) -> None:
    assert bench.connect().observe(endpoint) == serving.observe(endpoint)
    assert serving.observe(endpoint).url
    assert endpoint in bench.connect().endpoints()


def test_a_repeated_apply_changes_nothing(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.predict(endpoint, "blue", BODY, 5.0)
    before = (serving.observe(endpoint), counted(serving, endpoint))
    serving.apply(spec(bench, endpoint))
    assert (serving.observe(endpoint), counted(serving, endpoint)) == before
    assert before[0].colours["blue"].phase is ColourPhase.READY


def test_the_same_bytes_under_a_new_version_serve_on(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(replace(spec(bench, endpoint), version="9", labels={"landbridge.run-key": "other"}))
    found = serving.observe(endpoint).colours["blue"]
    assert (found.version, found.phase, found.restarts) == ("9", ColourPhase.READY, 0)


def test_a_colour_with_traffic_is_not_replaced(bench: Bench, serving: Any, endpoint: str) -> None:
    with pytest.raises(ConflictError, match="traffic"):
        serving.apply(spec(bench, endpoint, "blue", 1))
    assert serving.observe(endpoint).colours["blue"].version == "1"


def test_a_colour_without_traffic_is_replaced(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.shift(endpoint, {})
    serving.apply(spec(bench, endpoint, "blue", 1))
    assert settle(serving, endpoint).version == "2"
    assert serving.predict(endpoint, "blue", BODY, 5.0).status == 200


def test_a_prediction_goes_to_the_colour_it_names(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(spec(bench, endpoint, "green", 1))
    settle(serving, endpoint, "green")
    answer = serving.predict(endpoint, "green", BODY, 5.0)
    assert (answer.status, answer.colour) == (200, "green")
    assert "predictions" in answer.body
    assert answer.milliseconds > 0


def test_a_prediction_without_a_name_follows_the_traffic(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(spec(bench, endpoint, "green", 1))
    settle(serving, endpoint, "green")
    assert {serving.predict(endpoint, "", BODY, 5.0).colour for _ in range(5)} == {"blue"}
    serving.shift(endpoint, {"blue": 0, "green": 100})
    assert {serving.predict(endpoint, "", BODY, 5.0).colour for _ in range(5)} == {"green"}


def test_split_traffic_reaches_both_colours(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(spec(bench, endpoint, "green", 1))
    settle(serving, endpoint, "green")
    serving.shift(endpoint, {"blue": 50, "green": 50})
    assert {serving.predict(endpoint, "", BODY, 5.0).colour for _ in range(60)} == {"blue", "green"}


def test_a_repeated_shift_changes_nothing(serving: Any, endpoint: str) -> None:
    serving.shift(endpoint, {"blue": 100})
    assert serving.observe(endpoint).traffic == {"blue": 100}


@pytest.mark.parametrize("weights", [{"blue": 50}, {"blue": 150, "green": -50}, {"blue": 101}])
def test_traffic_sums_to_all_or_nothing(serving: Any, endpoint: str, weights: dict[str, int]) -> None:
    with pytest.raises(InputError):
        serving.shift(endpoint, weights)
    assert serving.observe(endpoint).traffic == {"blue": 100}


def test_a_colour_that_is_not_ready_gets_no_traffic(bench: Bench, serving: Any, endpoint: str) -> None:
    with pytest.raises(ConflictError, match="green"):
        serving.shift(endpoint, {"green": 100})
    assert serving.observe(endpoint).traffic == {"blue": 100}


def test_traffic_of_a_missing_endpoint_is_not_found(bench: Bench, endpoint: str) -> None:
    with pytest.raises(NotFoundError):
        bench.connect().shift(endpoint, {"blue": 100})


def test_a_colour_with_traffic_is_not_removed(serving: Any, endpoint: str) -> None:
    with pytest.raises(ConflictError, match="100 percent"):
        serving.remove(endpoint, "blue")
    assert serving.predict(endpoint, "", BODY, 5.0).status == 200


def test_the_last_colour_takes_the_endpoint_with_it(bench: Bench, endpoint: str) -> None:
    target = bench.connect()
    target.apply(spec(bench, endpoint))
    settle(target, endpoint)
    target.remove(endpoint, "blue")
    assert target.observe(endpoint).colours == {}
    assert endpoint not in target.endpoints()


def test_removing_what_is_not_there_is_silent(bench: Bench, endpoint: str) -> None:
    bench.connect().remove(endpoint, "blue")


def test_a_missing_colour_is_not_found(serving: Any, endpoint: str) -> None:
    with pytest.raises(NotFoundError):
        serving.predict(endpoint, "green", BODY, 5.0)


def test_a_missing_endpoint_is_not_found(bench: Bench, endpoint: str) -> None:
    with pytest.raises(NotFoundError):
        bench.connect().predict(endpoint, "", BODY, 5.0)


def test_an_endpoint_without_traffic_gives_no_answer(serving: Any, endpoint: str) -> None:
    serving.shift(endpoint, {})
    with pytest.raises(TargetUnavailableError):
        serving.predict(endpoint, "", BODY, 5.0)


def test_answers_are_counted_per_colour(bench: Bench, serving: Any, endpoint: str) -> None:
    if not isinstance(serving, CanCountRequests):
        return  # the plan says that failed answers roll nothing back
    serving.apply(spec(bench, endpoint, "green", 1))
    settle(serving, endpoint, "green")
    for _ in range(3):
        serving.predict(endpoint, "green", BODY, 5.0)
    counts = serving.counts(endpoint)
    assert (counts["green"].answered, counts["green"].failed, counts["blue"].answered) == (3, 0, 0)
    assert counts["green"].mean_milliseconds > 0


def test_a_model_that_cannot_start_fails_with_the_reason(bench: Bench, serving: Any, endpoint: str) -> None:
    broken = replace(spec(bench, endpoint, "green", 1), version="broken", model_digest="sha256:0")
    serving.apply(broken)
    status = settle(serving, endpoint, "green")
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith("DigestMismatch")
    with pytest.raises(ConflictError):
        serving.shift(endpoint, {"green": 100})


def test_a_failed_colour_is_started_anew_when_applied_again(bench: Bench, serving: Any, endpoint: str) -> None:
    serving.apply(replace(spec(bench, endpoint, "green", 1), version="broken", model_digest="sha256:0"))
    settle(serving, endpoint, "green")
    serving.apply(spec(bench, endpoint, "green", 1))
    assert settle(serving, endpoint, "green").phase is ColourPhase.READY


@pytest.mark.parametrize("name", ["", "../up", "a b", "ab", "x" * 33])
def test_an_illegal_name_is_refused(bench: Bench, endpoint: str, name: str) -> None:
    with pytest.raises(InputError):
        bench.connect().apply(spec(bench, endpoint, name))


ASKS: list[Callable[[Any, Bench], object]] = [
    lambda target, bench: target.apply(spec(bench, "line")),
    lambda target, bench: target.observe("line"),
    lambda target, bench: target.predict("line", "blue", BODY, 1.0),
    lambda target, bench: target.remove("line", "blue"),
    lambda target, bench: target.shift("line", {"blue": 100}),
    lambda target, bench: target.counts("line") if isinstance(target, CanCountRequests) else target.observe("line"),
    lambda target, bench: target.endpoints(),
]


@pytest.mark.parametrize("ask", ASKS, ids=["apply", "observe", "predict", "remove", "shift", "counts", "endpoints"])
def test_a_target_that_is_down_says_so(bench: Bench, ask: Callable[[Any, Bench], object]) -> None:
    target = drivers.serving_target(bench.down.targets["serving"], bench.down)
    with pytest.raises(TargetUnavailableError) as caught:
        ask(target, bench)
    assert caught.value.hint


def test_findings_ask_nobody(bench: Bench, endpoint: str) -> None:
    target = drivers.serving_target(bench.down.targets["serving"], bench.down)
    assert target.findings(spec(bench, endpoint)) == ()
