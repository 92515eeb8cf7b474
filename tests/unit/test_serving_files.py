"""Values of local serving that need no process: JSON both ways, findings, digests, the order to a model server."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import CorruptError
from landbridge.domain.inventory import InstanceType, Role, Target
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, RequestCounts, ResolvedEnvironment
from landbridge.domain.scenario import Probe, ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase, Resources
from landbridge.drivers.local import serving_wire as wire
from landbridge.drivers.local.serving_findings import findings
from landbridge.drivers.local.serving_record import Endpoint, ServingRecord, Wanted
from landbridge.drivers.trees import digest_folder
from landbridge.runner import model_server

TARGET = Target("rack", "onprem", "local", frozenset({Role.SERVE}), "rack")
SPEC = ColourSpec(
    "line", "blue", "line", "3", "file:///m", "sha256:1", ResolvedEnvironment("any", "current"), labels={"a": "b"}
)


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        replace(SPEC, scoring=ScoringCode("/code", "score.py", "sha256:2")),
        replace(SPEC, settings=ServingSettings(instance_count=2, liveness_probe=Probe(period=3))),
    ],
)
def test_a_colour_comes_back_from_json_as_it_was(spec: ColourSpec) -> None:
    assert wire.spec_from_json(wire.spec_to_json(spec)) == spec


def test_a_status_and_its_counts_come_back_from_json_as_they_were() -> None:
    colour = ColourStatus("blue", ColourPhase.FAILED, "line", "3", "sha256:1", "CrashLoop: exit code 1", 4)
    status = EndpointStatus("line", "http://x", {"blue": colour}, {"blue": 0})
    assert wire.status_from_json(wire.status_to_json(status)) == status
    counts = {"blue": RequestCounts(3, 1, 2.5)}
    assert wire.counts_from_json(wire.counts_to_json(counts)) == counts


def test_an_endpoint_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    record = ServingRecord(str(tmp_path), TARGET)
    record.prepare()
    endpoint = Endpoint("line", {"blue": Wanted(SPEC, 17)}, {"blue": 100})
    record.save(endpoint)
    assert ServingRecord(str(tmp_path), TARGET).load() == {"line": endpoint}
    record.save(Endpoint("line"))
    assert record.load() == {}


def test_a_damaged_record_names_the_file(tmp_path: Path) -> None:
    record = ServingRecord(str(tmp_path), TARGET)
    record.prepare()
    path = record.folder / "endpoints" / "line.json"
    path.write_text('{"colours": {"blue": 1}}')
    with pytest.raises(CorruptError, match=str(path)):
        record.load()


def test_the_model_server_digests_as_the_rest_of_us(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(b"1" * 3_000_000)
    (tmp_path / "MLmodel").write_text("x")
    assert model_server.digest_folder(str(tmp_path)) == digest_folder(tmp_path)


def test_the_defaults_are_all_honoured() -> None:
    assert findings(SPEC, TARGET) == ()


FAR = replace(SPEC, environment=ResolvedEnvironment("azureml:far:1", image="example.org/far:1"))
FOUND: list[Any] = [
    (FAR, "environment", FindingKind.REFUSED),
    (replace(SPEC, environment=ResolvedEnvironment("any", "/opt/python")), "environment", FindingKind.NOTE),
    (replace(SPEC, settings=ServingSettings(instance_type="gpu")), "instance_type", FindingKind.REFUSED),
    (replace(SPEC, settings=ServingSettings(instance_count=3)), "instance_count", FindingKind.SUBSTITUTED),
    (
        replace(SPEC, settings=ServingSettings(scale_type="target_utilization")),
        "scale_settings.type",
        FindingKind.SUBSTITUTED,
    ),
    (
        replace(SPEC, settings=ServingSettings(scale_type="target_utilization", max_instances=4)),
        "scale_settings.max_instances",
        FindingKind.NOTE,
    ),
    (
        replace(SPEC, settings=ServingSettings(scale_type="target_utilization", instance_count=4)),
        "instance_count",
        FindingKind.NOTE,
    ),
    (replace(SPEC, settings=ServingSettings(max_instances=4)), "scale_settings.max_instances", FindingKind.NOTE),
    (
        replace(SPEC, settings=ServingSettings(readiness_probe=Probe(initial_delay=60))),
        "readiness_probe.initial_delay",
        FindingKind.SUBSTITUTED,
    ),
    (
        replace(SPEC, settings=ServingSettings(liveness_probe=Probe(success_threshold=3))),
        "liveness_probe.success_threshold",
        FindingKind.SUBSTITUTED,
    ),
    (
        replace(SPEC, scoring=ScoringCode("/c", "score.py"), settings=ServingSettings(max_queue_wait_ms=9)),
        "request_settings.max_queue_wait_ms",
        FindingKind.SUBSTITUTED,
    ),
]


@pytest.mark.parametrize(("spec", "field", "kind"), FOUND, ids=[item[1] for item in FOUND])
def test_what_is_not_honoured_as_written_is_named(spec: ColourSpec, field: str, kind: FindingKind) -> None:
    assert (field, kind) in {(item.field, item.kind) for item in findings(spec, TARGET)}
    assert all(item.hint for item in findings(spec, TARGET) if item.kind is FindingKind.REFUSED)


def test_a_declared_instance_type_is_noted() -> None:
    kinds = (InstanceType("small", Resources(), Resources()),)
    [found] = findings(
        replace(SPEC, settings=ServingSettings(instance_type="small")), replace(TARGET, instance_types=kinds)
    )
    assert found.kind is FindingKind.NOTE
