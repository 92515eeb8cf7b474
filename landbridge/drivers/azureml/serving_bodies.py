"""What Azure is told of an endpoint and of a colour: pure functions from our values to bodies of its API.

Every setting is written out, defaults too: Azure's own differ between kinds and change with time.

Source: the stable API version 2023-10-01 (tests/azure/specs). An `instanceType` never changes once it is made; so a colour is
never updated, only made and deleted, and what changes in place are its tags.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from landbridge.domain.digests import digest_value
from landbridge.domain.requests import ColourSpec
from landbridge.domain.scenario import Probe
from landbridge.runner import azureml_entry

Object = dict[str, Any]

PREFIX = "landbridge."
TARGET, MODEL, VERSION = f"{PREFIX}target", f"{PREFIX}model", f"{PREFIX}version"
DIGEST, PROCESS, APPLIED = f"{PREFIX}digest", f"{PREFIX}process", f"{PREFIX}applied-at"
TAG_LENGTH = 256  # of a value, for every resource of Azure
KUBERNETES, MANAGED = "Kubernetes", "Managed"
AUTH_MODES = {"key": "Key", "aml_token": "AMLToken", "aad_token": "AADToken"}


@dataclass(frozen=True, slots=True)
class Assets:
    """Identifiers of what a deployment is made from; "" = without."""

    model: str
    environment: str = ""
    code: str = ""
    script: str = ""


@dataclass(frozen=True, slots=True)
class Where:
    """Where an endpoint is made.

    Attributes:
        target: the target's name; it marks what is ours.
        compute: identifier of the Kubernetes compute; "" = Azure manages the machines.
        instance_type: of a colour that names none.
    """

    target: str
    compute: str = ""
    instance_type: str = ""
    auth_mode: str = "key"
    public: bool = True

    @property
    def kind(self) -> str:
        return KUBERNETES if self.compute else MANAGED


def new_endpoint(where: Where, location: str) -> Object:
    """An endpoint without deployments, hence without traffic: Azure takes none at creation."""
    properties: Object = {"authMode": AUTH_MODES[where.auth_mode], "traffic": {}, "properties": {}}
    if where.compute:
        properties["compute"] = where.compute
    else:
        properties["publicNetworkAccess"] = "Enabled" if where.public else "Disabled"
    return {
        "location": location,
        "identity": {"type": "SystemAssigned"},
        "tags": {TARGET: where.target},
        "properties": properties,
    }


def with_traffic(endpoint: Mapping[str, Any], weights: Mapping[str, int]) -> Object:
    """The endpoint as it was read, as far as it may be written, with other traffic. Azure knows no weight of 0."""
    read = endpoint["properties"]
    kept = ("authMode", "compute", "description", "properties", "publicNetworkAccess", "mirrorTraffic")
    properties = {key: read[key] for key in kept if read.get(key) is not None}
    traffic = {colour: weight for colour, weight in weights.items() if weight}
    body: Object = {"location": endpoint["location"], "properties": {**properties, "traffic": traffic}}
    if identity := endpoint.get("identity"):
        assigned: Object = {name: {} for name in identity.get("userAssignedIdentities") or {}}
        body["identity"] = {"type": identity["type"], **({"userAssignedIdentities": assigned} if assigned else {})}
    return {**body, "tags": dict(endpoint.get("tags") or {})}


def deployment(spec: ColourSpec, where: Where, location: str, assets: Assets, now: float) -> Object:
    """A colour. `now`: Unix time, s."""
    settings = spec.settings
    properties: Object = {
        "endpointComputeType": where.kind,
        "model": assets.model,
        "appInsightsEnabled": False,
        "environmentVariables": _variables(spec),
        "properties": {},
        "requestSettings": {
            "requestTimeout": duration(settings.request_timeout_ms),
            "maxQueueWait": duration(settings.max_queue_wait_ms),
            "maxConcurrentRequestsPerInstance": settings.max_concurrent_requests_per_instance,
        },
        "livenessProbe": _probe(settings.liveness_probe),
        "readinessProbe": _probe(settings.readiness_probe),
        "scaleSettings": _scale(spec),
    }
    if instance_type := settings.instance_type or where.instance_type:
        properties["instanceType"] = instance_type
    if assets.environment:
        properties["environmentId"] = assets.environment
    if assets.code:
        properties["codeConfiguration"] = {"codeId": assets.code, "scoringScript": assets.script}
    return {
        "location": location,
        "sku": {"name": "Default", "capacity": instances(spec)},
        "tags": {**colour_tags(spec), APPLIED: f"{now:.0f}"},
        "properties": properties,
    }


def colour_tags(spec: ColourSpec) -> dict[str, str]:
    """What a deployment says of what it is. All but `process` may change while the same bytes serve on."""
    told = {MODEL: spec.model, VERSION: spec.version, DIGEST: spec.model_digest, PROCESS: process_of(spec)}
    return {key: value[:TAG_LENGTH] for key, value in {**spec.labels, **told}.items()}


def process_of(spec: ColourSpec) -> str:
    """Names all that decides what runs. A version's name, place and labels do not, as long as the bytes are the same."""
    url = "" if spec.model_digest else spec.model_url
    scoring = replace(spec.scoring, folder="") if spec.scoring and spec.scoring.digest else spec.scoring
    return digest_value(asdict(replace(spec, model="", version="", model_url=url, labels={}, scoring=scoring)))


def instances(spec: ColourSpec) -> int:
    """How many there are at first; a range is served from its lower end on."""
    return max(1, spec.settings.min_instances if is_scaled(spec) else spec.settings.instance_count)


def is_scaled(spec: ColourSpec) -> bool:
    return spec.settings.scale_type != "default"


def duration(milliseconds: int) -> str:
    """ISO 8601, as Azure wants it: 1500 → `PT1.5S`."""
    return f"PT{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "S"


def _variables(spec: ColourSpec) -> dict[str, str]:
    """The user's, and for a score.py: which script it is, the digest to check, and a worker for each request at once."""
    given = dict(spec.settings.environment_variables)
    if spec.scoring is None:
        return given
    workers = {"WORKER_COUNT": str(spec.settings.max_concurrent_requests_per_instance)}
    return {**workers, **given, azureml_entry.SCRIPT: spec.scoring.script, azureml_entry.DIGEST: spec.model_digest}


def _probe(probe: Probe) -> Object:
    return {
        "period": duration(1000 * probe.period),
        "initialDelay": duration(1000 * probe.initial_delay),
        "timeout": duration(1000 * probe.timeout),
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }


def _scale(spec: ColourSpec) -> Object:
    settings = spec.settings
    if not is_scaled(spec):
        return {"scaleType": "Default"}
    return {
        "scaleType": "TargetUtilization",
        "minInstances": settings.min_instances,
        "maxInstances": settings.max_instances,
        "targetUtilizationPercentage": settings.target_utilization_percentage,
        "pollingInterval": duration(1000 * settings.polling_interval),
    }
