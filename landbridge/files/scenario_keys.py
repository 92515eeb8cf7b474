"""The keys of a scenario file. Descriptions here become the JSON Schema and docs/reference/scenario.md."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from landbridge.domain.gate import Goal
from landbridge.domain.scenario import Replication
from landbridge.domain.values import Pattern
from landbridge.files.fields import Cpu, Duration, EndpointName, Gpus, Identifier, Keys, Label, Memory, Word

Percent = Annotated[int, Field(ge=1, le=100)]
Words = Annotated[list[Word], Field(min_length=1)]


class DataKeys(Keys):
    uri: Word | None = None
    """Where the data is: `azureml://datastores/<store>/paths/<path>`. Default: the `path` of the job's own input."""
    residency: Word | Words
    """Where the data, and all derived from it, may be: `anywhere`, or site names or kinds (`cloud`, `onprem`)."""
    replication: Replication = Replication.LAZY
    """When another site gets its copy: `lazy` on first use, `proactive` ahead of need."""


class JobKeys(Keys):
    file: Word
    """The Azure ML command-job YAML; a relative path starts at this file."""
    inputs: dict[Identifier, bool | int | float | str] = Field(default_factory=dict)
    """Literal inputs that replace the job's own, by name."""


class RequiresKeys(Keys):
    cpu: Cpu = 0
    """CPU of one instance: `500m`, `2`."""
    memory: Memory = 0
    """Memory of one instance: `512Mi`, `2Gi`."""
    gpu: Gpus = 0
    """GPUs of one instance."""
    instance_type: str = ""
    """An instance type of the inventory, by name."""


class FailoverKeys(Keys):
    busy: bool = True
    """May leave when it has no room now."""
    maintenance: bool = True
    """May leave during maintenance and drains."""
    hardware: bool = True
    """May leave when it lacks the hardware."""
    unreachable: bool = True
    """May leave when it does not answer."""


class PlacementKeys(Keys):
    prefer: list[Word] = Field(default_factory=list)
    """Globs over target names, best first."""
    failover: FailoverKeys = FailoverKeys()
    """For which reasons work may leave the site that the pattern prefers."""
    max_cost_per_hour: Annotated[float, Field(gt=0)] | None = None
    """Dearer targets are refused; in the inventory's currency."""


class ThresholdKeys(Keys):
    min: float | None = None
    """The metric may not be lower."""
    max: float | None = None
    """The metric may not be higher."""


class BetterKeys(Keys):
    metric: Word
    """The metric that is compared."""
    goal: Goal
    """Whether less or more of it is better."""
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How much worse than the champion still passes, as a fraction: `0.02` is 2 percent."""


class GateKeys(Keys):
    thresholds: dict[Word, ThresholdKeys] = Field(default_factory=dict)
    """Metric → bounds. The job must log the metric."""
    better_than_champion: BetterKeys | None = None
    """Compares with the model that serves now; passes when there is none."""
    min_rows: Annotated[int, Field(ge=0)] = 0
    """With fewer scored rows the verdict is Inconclusive."""
    rows_metric: Word = "rows"
    """The metric in which the job logs how many rows it scored."""


class ModelKeys(Keys):
    name: Label
    """Name of the registered model."""
    output: Identifier = "model"
    """The job output that holds the model."""
    registry: str = ""
    """The site whose registry keeps it. Default: the pattern decides."""


class SmokeKeys(Keys):
    requests: Word | None = None
    """A JSON file with a list of request bodies. Default: the model's own input example."""
    min: float | None = None
    """No predicted number may be lower."""
    max: float | None = None
    """No predicted number may be higher."""
    timeout: Duration = Field(default=5.0, json_schema_extra={"default": "5s"})
    """For one answer."""


class ScoringKeys(Keys):
    code: Word
    """Folder of the scoring code."""
    script: Word
    """File in it with `init()` and `run()`."""


class RequestSettingsKeys(Keys):
    request_timeout_ms: Annotated[int, Field(ge=1, le=300_000)] = 5000
    """A request that takes longer is answered with an error, ms."""
    max_concurrent_requests_per_instance: Annotated[int, Field(ge=1)] = 1
    """Requests that one instance works on at the same time."""
    max_queue_wait_ms: Annotated[int, Field(ge=0)] = 500
    """How long a request may wait for its turn, ms."""


class ProbeKeys(Keys):
    period: Annotated[int, Field(ge=1)] = 10
    """Time between two probes, s."""
    initial_delay: Annotated[int, Field(ge=0)] = 10
    """Time before the first probe, s."""
    timeout: Annotated[int, Field(ge=1)] = 2
    """A probe that takes longer has failed, s."""
    success_threshold: Annotated[int, Field(ge=1)] = 1
    """Good probes in a row that make it good again."""
    failure_threshold: Annotated[int, Field(ge=1)] = 30
    """Failed probes in a row that make it bad."""


class ScaleKeys(Keys):
    type: Literal["default", "target_utilization"] = "default"
    """`default` keeps `instance_count` instances; `target_utilization` adds and removes them."""
    min_instances: Annotated[int, Field(ge=0)] = 1
    """Fewest instances."""
    max_instances: Annotated[int, Field(ge=1)] = 1
    """Most instances."""
    target_utilization_percentage: Percent = 70
    """Load at which instances are added."""
    polling_interval: Annotated[int, Field(ge=1)] = 1
    """Time between two looks at the load, s."""


class DeploymentKeys(Keys):
    instance_type: str = ""
    """An instance type of the serving target."""
    instance_count: Annotated[int, Field(ge=1)] = 1
    """Instances of each colour."""
    request_settings: RequestSettingsKeys = RequestSettingsKeys()
    """How requests are limited."""
    liveness_probe: ProbeKeys = ProbeKeys()
    """When an instance is restarted."""
    readiness_probe: ProbeKeys = ProbeKeys()
    """When an instance gets requests."""
    scale_settings: ScaleKeys = ScaleKeys()
    """How the number of instances follows the load."""
    environment_variables: dict[Identifier, str] = Field(default_factory=dict)
    """Given to the serving process. No secrets."""


class EndpointKeys(Keys):
    name: EndpointName
    """The endpoint's stable name, the same on each site."""
    sites: Words | None = None
    """Sites, by name or kind, that serve it; a name wins over a kind. Default: the pattern decides."""
    smoke: SmokeKeys = SmokeKeys()
    """Real predictions that a new colour must answer before it gets traffic."""
    scoring: ScoringKeys | None = None
    """Own scoring code; a model in MLflow's format needs none."""
    deployment: DeploymentKeys = DeploymentKeys()
    """Azure ML's online-deployment settings."""
    batch: Word | None = None
    """An Azure ML batch-deployment YAML that `landbridge score` takes its script and settings from."""


class RolloutKeys(Keys):
    steps: Annotated[list[Percent], Field(min_length=1)] = Field(default=[100])
    """Traffic of the new colour in percent, rising; the last is 100."""
    step: Duration = Field(default=0.0, json_schema_extra={"default": "0s"})
    """How long each step but the last is watched."""
    soak: Duration = Field(default=0.0, json_schema_extra={"default": "0s"})
    """How long the old colour stays warm after 100 percent."""
    max_error_percent: Annotated[float, Field(ge=0, le=100)] = 1.0
    """With more failed answers than this, traffic goes back to the old colour."""


class TriggerKeys(Keys):
    new_data: list[Identifier] = Field(default_factory=list)
    """Data sets whose change starts a retrain."""
    cron: str = ""
    """A schedule in UTC with five fields, such as `0 3 * * Mon`."""
    model_versions: bool = True
    """Gate and deploy versions of the model that something else registers."""


class ExportKeys(Keys):
    model: bool = False
    """The model, without sample rows, may leave the sites of resident data."""
    metrics: list[Word] = Field(default_factory=list)
    """Names of the metrics that may leave them."""


class ScenarioKeys(Keys):
    """One story: which data, which job, when a model is good enough and where it serves."""

    schema_: Annotated[str, WithJsonSchema({"type": "string"})] = Field(default="", alias="$schema")
    """Where the JSON Schema of this file is, for editors."""
    name: Label
    """Name of the scenario: names runs, leases and the ledger's entries."""
    pattern: Pattern
    """Which of the five hybrid patterns."""
    data: Annotated[dict[Identifier, DataKeys], Field(min_length=1)]
    """Data sets by name; each is bound to the job input of the same name."""
    job: Word | JobKeys
    """The training job: a path, or `file` and `inputs`."""
    requires: RequiresKeys = RequiresKeys()
    """What one instance of the job needs."""
    placement: PlacementKeys = PlacementKeys()
    """How to choose among the targets that fit."""
    gate: GateKeys
    """When a model is good enough. At least one criterion."""
    model: ModelKeys
    """The registered model."""
    endpoint: EndpointKeys
    """Where the model answers."""
    rollout: RolloutKeys = RolloutKeys()
    """How traffic moves to a new version."""
    triggers: TriggerKeys = TriggerKeys()
    """When to do it again."""
    exports: ExportKeys = ExportKeys()
    """What may leave the sites of resident data."""
