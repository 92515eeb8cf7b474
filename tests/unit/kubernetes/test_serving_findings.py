"""Every serving setting is honoured, substituted, noted or refused; nothing is dropped in silence."""

from dataclasses import fields, replace
from typing import Any

import pytest

from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment
from landbridge.domain.scenario import Probe, ServingSettings
from landbridge.drivers.findings import require_possible
from landbridge.drivers.kubernetes.serving import KubernetesServing
from landbridge.drivers.kubernetes.serving_findings import findings, image_of
from landbridge.ports import CanCountRequests, CanListEndpoints, CanShiftTraffic, LimitsTraffic, ServingTarget
from tests.unit.kubernetes.serving_examples import BUSY, INVENTORY, SCALED, SCRIPT, SPEC, TARGET, options, target

NO_IMAGE = {"serving_image": ""}
CURRENT = replace(SPEC, environment=ResolvedEnvironment("any", "current"))


def with_settings(**changes: Any) -> ColourSpec:
    return replace(SPEC, settings=ServingSettings(**changes))


FOUND: list[Any] = [
    (CURRENT, NO_IMAGE, "environment", FindingKind.REFUSED),
    (replace(SPEC, environment=ResolvedEnvironment("any", "/opt/python")), {}, "environment", FindingKind.REFUSED),
    (with_settings(instance_type="huge"), {}, "instance_type", FindingKind.REFUSED),
    (replace(SPEC, settings=SCALED), {}, "scale_settings.type", FindingKind.SUBSTITUTED),
    (
        with_settings(scale_type="target_utilization", polling_interval=5), {},
        "scale_settings.polling_interval", FindingKind.SUBSTITUTED,
    ),
    (with_settings(scale_type="target_utilization", instance_count=4), {}, "instance_count", FindingKind.NOTE),
    (with_settings(min_instances=2), {}, "scale_settings.min_instances", FindingKind.NOTE),
    (with_settings(readiness_probe=Probe(initial_delay=60)), {}, "readiness_probe.initial_delay", FindingKind.SUBSTITUTED),
    (with_settings(liveness_probe=Probe(initial_delay=60)), {}, "liveness_probe.initial_delay", FindingKind.SUBSTITUTED),
    (with_settings(liveness_probe=Probe(success_threshold=2)), {}, "liveness_probe.success_threshold", FindingKind.SUBSTITUTED),
    (
        replace(SCRIPT, settings=ServingSettings(max_queue_wait_ms=9)), {},
        "request_settings.max_queue_wait_ms", FindingKind.SUBSTITUTED,
    ),
    (
        replace(SCRIPT, settings=ServingSettings(max_concurrent_requests_per_instance=4)), {},
        "request_settings.max_concurrent_requests_per_instance", FindingKind.SUBSTITUTED,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "changes", "field", "kind"), FOUND, ids=[item[2] for item in FOUND])
def test_what_is_not_honoured_as_written_is_named(
    spec: ColourSpec, changes: Any, field: str, kind: FindingKind
) -> None:
    [found] = [item for item in findings(spec, target(**changes), options(**changes)) if item.field == field]
    assert found.kind is kind
    assert bool(found.hint) == (kind is FindingKind.REFUSED)
    if kind is FindingKind.REFUSED:
        with pytest.raises(CapabilityMissingError):
            require_possible(spec, findings(spec, target(**changes), options(**changes)))


HONOURED = {
    "instance_type": "gpu", "instance_count": 3, "request_timeout_ms": 9, "max_concurrent_requests_per_instance": 4,
    "max_queue_wait_ms": 9, "environment_variables": {"A": "b"},
    "liveness_probe": Probe(period=3, timeout=4, failure_threshold=5),
    "readiness_probe": Probe(period=3, success_threshold=2),
}  # fmt: skip
OF_A_SCALE = {"scale_type", "min_instances", "max_instances", "target_utilization_percentage", "polling_interval"}


def test_every_setting_is_accounted_for() -> None:
    assert {item.name for item in fields(ServingSettings)} == HONOURED.keys() | OF_A_SCALE


@pytest.mark.parametrize("name", HONOURED)
def test_what_is_honoured_as_written_has_no_finding(name: str) -> None:
    assert findings(with_settings(**{name: HONOURED[name]}), TARGET, options()) == ()


def test_the_current_environment_is_the_targets_serving_image() -> None:
    assert image_of(CURRENT, options()) == "example.test/serve:1"
    assert image_of(SPEC, options()) == "example.test/flights:1"
    assert findings(CURRENT, TARGET, options()) == ()


@pytest.mark.parametrize("name", ["", "../up", "a b", "ab", "x" * 33])
def test_an_illegal_name_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        require_possible(replace(SPEC, colour=name), ())


def test_without_a_gateway_traffic_is_all_or_nothing() -> None:
    serving = KubernetesServing(target(gateway=""), INVENTORY)
    assert serving.percents() == {0, 100}
    with pytest.raises(CapabilityMissingError, match="Without a Gateway"):
        serving.shift("line", {"blue": 50, "green": 50})
    assert KubernetesServing(TARGET, INVENTORY).percents() == set(range(101))


def test_the_driver_has_the_powers_of_a_rollout() -> None:
    serving = KubernetesServing(replace(TARGET, options={**TARGET.options}), INVENTORY)
    for port in (ServingTarget, CanShiftTraffic, LimitsTraffic, CanCountRequests, CanListEndpoints):
        assert isinstance(serving, port)
    assert serving.findings(replace(SPEC, settings=BUSY))[0].field == "liveness_probe.initial_delay"
