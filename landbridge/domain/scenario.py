"""What a data scientist declares. Built from a file by `landbridge.files.scenario`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from landbridge.domain.gate import Gate
from landbridge.domain.values import Json, Pattern, Resources


class Replication(StrEnum):
    LAZY = "lazy"  # on first use
    PROACTIVE = "proactive"  # ahead of need


class FailoverReason(StrEnum):
    """Why work may go elsewhere than where the pattern prefers. Each can be switched off."""

    BUSY = "busy"
    MAINTENANCE = "maintenance"
    HARDWARE = "hardware"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class DataAsset:
    """A data set, bound to the job input of the same name.

    Attributes:
        uri: `azureml://datastores/<store>/paths/<path>`: its home is the datastore's site; "" = the path of the job's input.
        residency: site names or site kinds where it, and all derived from it, may be; empty = anywhere.
    """

    name: str
    uri: str
    residency: frozenset[str] = frozenset()
    replication: Replication = Replication.LAZY


@dataclass(frozen=True, slots=True)
class Requirements:
    """What one instance of the job needs; an instance type by name, or resources."""

    resources: Resources = Resources()
    instance_type: str = ""


@dataclass(frozen=True, slots=True)
class PlacementPolicy:
    """How to choose among eligible targets.

    Attributes:
        prefer: globs over target names, best first; breaks ties before cost does.
        failover: the reasons for which a pattern's preferred sites may be left.
        max_cost_per_hour: in the inventory's currency; None = no limit.
    """

    prefer: tuple[str, ...] = ()
    failover: frozenset[FailoverReason] = frozenset(FailoverReason)
    max_cost_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The registered model.

    Attributes:
        output: the job output that holds it.
        registry: the site whose registry keeps it; "" = the pattern's default.
    """

    name: str
    output: str = "model"
    registry: str = ""


@dataclass(frozen=True, slots=True)
class Smoke:
    """Real predictions a new colour must answer before it gets traffic.

    Attributes:
        requests: request bodies (JSON text), from the scenario's smoke file; empty = the model's own example.
        minimum, maximum: every predicted number must lie within, if given.
        timeout_seconds: for one answer.
    """

    requests: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class ScoringCode:
    """A `score.py` with `init()` and `run()`; an MLflow model needs none."""

    folder: str
    script: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Azure ML's probe settings, s."""

    period: int = 10
    initial_delay: int = 10
    timeout: int = 2
    success_threshold: int = 1
    failure_threshold: int = 30


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """Azure ML's online-deployment settings that every driver is asked to honour."""

    instance_type: str = ""
    instance_count: int = 1
    request_timeout_ms: int = 5000
    max_concurrent_requests_per_instance: int = 1
    max_queue_wait_ms: int = 500
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    liveness_probe: Probe = Probe()
    readiness_probe: Probe = Probe()
    scale_type: str = "default"
    min_instances: int = 1
    max_instances: int = 1
    target_utilization_percentage: int = 70
    polling_interval: int = 1  # s


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """A stable name and URL; the same name on each site it serves from.

    Attributes:
        sites: site names or kinds, as the pattern allows.
        batch: absolute path of the batch-deployment YAML that scorings take their settings from, or "".
    """

    name: str
    sites: tuple[str, ...]
    smoke: Smoke = Smoke()
    scoring: ScoringCode | None = None
    settings: ServingSettings = ServingSettings()
    batch: str = ""


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """How traffic moves to a new colour.

    Attributes:
        steps: weights of the new colour in percent, rising, the last is 100.
        step_seconds: watched this long after each step but the last, s.
        soak_seconds: the old colour stays warm this long after 100 percent, s.
        max_error_percent: of the new colour's answers since it got traffic; above it, roll back.
    """

    steps: tuple[int, ...] = (100,)
    step_seconds: float = 0.0
    soak_seconds: float = 0.0
    max_error_percent: float = 1.0


@dataclass(frozen=True, slots=True)
class Triggers:
    """When to do it again.

    Attributes:
        new_data: names of data assets whose change starts a retrain.
        cron: a schedule in UTC, or "".
        model_versions: gate and deploy versions that something else registered.
    """

    new_data: tuple[str, ...] = ()
    cron: str = ""
    model_versions: bool = True


@dataclass(frozen=True, slots=True)
class Exports:
    """What may leave the residency boundary of the scenario's resident data, by name.

    Attributes:
        model: the model itself, stripped of samples, may cross.
        metrics: the metrics that may cross; empty = none.
    """

    model: bool = False
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: data, job, gate, model, endpoint, triggers.

    Attributes:
        path: file it was read from; relative paths in it start there.
        job: absolute path of the command-job YAML.
        job_inputs: literal inputs that replace the job's own.
    """

    name: str
    pattern: Pattern
    path: str
    data: Mapping[str, DataAsset]
    job: str
    model: ModelSpec
    endpoint: EndpointSpec
    gate: Gate
    requires: Requirements = Requirements()
    placement: PlacementPolicy = PlacementPolicy()
    rollout: RolloutSpec = RolloutSpec()
    triggers: Triggers = Triggers()
    exports: Exports = Exports()
    job_inputs: Mapping[str, Json] = field(default_factory=dict)
