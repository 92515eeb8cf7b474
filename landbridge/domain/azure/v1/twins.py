"""Single values of v1 and their twins in v2, with both defaults.

Sources: docs of `AksWebservice.deploy_configuration` (azureml-core 1.61) for v1's defaults;
https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-kubernetes-online for v2's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from landbridge.domain.azure.v1.account import Account, Breach, Keys, Outcome, show
from landbridge.domain.values import Json

REQUEST_LIMIT_MS = 300_000  # v2 on Kubernetes
PROBE_SAFE_MS = (
    150_000  # larger ones were refused for the probes that follow from them (azure-sdk-for-python issue 33660)
)

_LIVENESS = "livenessProbeRequirements"
_SCALER = "autoScaler"
_ROOM = "containerResourceRequirements"

PATHS: dict[str, tuple[Keys, ...]] = {
    "autoscale_enabled": ((_SCALER, "autoscaleEnabled"),),
    "autoscale_min_replicas": ((_SCALER, "minReplicas"),),
    "autoscale_max_replicas": ((_SCALER, "maxReplicas"),),
    "autoscale_refresh_seconds": ((_SCALER, "refreshPeriodInSeconds"),),
    "autoscale_target_utilization": ((_SCALER, "targetUtilization"),),
    "num_replicas": (("numReplicas",),),
    "cpu_cores": ((_ROOM, "cpu"),),
    "cpu_cores_limit": ((_ROOM, "cpuLimit"),),
    "memory_gb": ((_ROOM, "memoryInGB"),),
    "memory_gb_limit": ((_ROOM, "memoryInGBLimit"),),
    "gpu_cores": ((_ROOM, "gpu"), ("gpuCores",)),
    "scoring_timeout_ms": (("scoringTimeoutMs",),),
    "replica_max_concurrent_requests": (("maxConcurrentRequestsPerContainer",),),
    "max_request_wait_time": (("maxQueueWaitMs",),),
    "period_seconds": ((_LIVENESS, "periodSeconds"),),
    "initial_delay_seconds": ((_LIVENESS, "initialDelaySeconds"),),
    "timeout_seconds": ((_LIVENESS, "timeoutSeconds"),),
    "success_threshold": ((_LIVENESS, "successThreshold"),),
    "failure_threshold": ((_LIVENESS, "failureThreshold"),),
    "enable_app_insights": (("appInsightsEnabled",),),
    "auth_enabled": (("authEnabled",),),
    "token_auth_enabled": (("aadAuthEnabled",), ("tokenAuthEnabled",)),
    "primary_key": (("keys", "primaryKey"),),
    "secondary_key": (("keys", "secondaryKey"),),
    "collect_model_data": (("dataCollection", "storageEnabled"),),
    "namespace": (("namespace",),),
    "compute_target_name": (("computeName",), ("computeTargetName",), ("deployment_target",)),
    "blobfuse_enabled": (("storageInitEnabled",),),
    "traffic_percentile": (("trafficPercentile",),),
    "version_name": (("versionName",),),
    "is_default": (("isDefault",),),
}
"""Argument of the SDK → where exports and deployment configurations keep it. The argument's own name counts as well."""


@dataclass(frozen=True, slots=True)
class Twin:
    """One number or switch with a twin.

    Attributes:
        target: dotted field of the deployment's YAML.
        v1, v2: what counts when nothing is said.
    """

    name: str
    target: str
    v1: int | bool
    v2: int | bool

    @property
    def differs(self) -> bool:
        return self.v1 != self.v2


@dataclass(frozen=True, slots=True)
class Default:
    """A default that differs between v1 and v2. `note`: what is written, or what follows."""

    field: str
    v1: str
    v2: str
    note: str = ""


TWINS: tuple[Twin, ...] = (
    Twin("scoring_timeout_ms", "request_settings.request_timeout_ms", 60_000, 5000),
    Twin("replica_max_concurrent_requests", "request_settings.max_concurrent_requests_per_instance", 1, 1),
    Twin("max_request_wait_time", "request_settings.max_queue_wait_ms", 500, 500),
    Twin("period_seconds", "liveness_probe.period", 10, 10),
    Twin("initial_delay_seconds", "liveness_probe.initial_delay", 310, 10),
    Twin("timeout_seconds", "liveness_probe.timeout", 2, 2),
    Twin("success_threshold", "liveness_probe.success_threshold", 1, 1),
    Twin("failure_threshold", "liveness_probe.failure_threshold", 3, 30),
    Twin("enable_app_insights", "app_insights_enabled", False, False),
)
SCALING: tuple[Twin, ...] = (
    Twin("autoscale_min_replicas", "scale_settings.min_instances", 1, 1),
    Twin("autoscale_max_replicas", "scale_settings.max_instances", 10, 1),
    Twin("autoscale_refresh_seconds", "scale_settings.polling_interval", 1, 1),
    Twin("autoscale_target_utilization", "scale_settings.target_utilization_percentage", 70, 70),
)


def places(name: str) -> tuple[Keys, ...]:
    return (*PATHS[name], (name,))


def value(account: Account, name: str) -> Json:
    """What is said under any of the names; None when nothing is."""
    return next((found for path in places(name) if (found := account.get(*path)) is not None), None)


def claim(account: Account, name: str, outcome: Outcome, target: str = "", note: str = "") -> None:
    """Claim every place of the value; where two places differ, the first counts."""
    secret = name.endswith("_key")
    counts = value(account, name)
    for path in places(name):
        here = account.get(*path)
        if here is None or here == counts:
            account.claim(path, outcome, target, note, secret)
        else:
            account.claim(
                path, Outcome.NO_TWIN, note=f"another value of `{name}` stands beside it, and counts", secret=secret
            )


def breach(account: Account, name: str, message: str, hint: str) -> Breach:
    found = next((path for path in places(name) if account.get(*path) is not None), places(name)[0])
    return Breach(account.keys(*found), message, hint)


def number(account: Account, name: str, least: float, whole: bool = True) -> float | Breach | None:
    """A number that v1 would take, the breach, or None when nothing is said."""
    found = value(account, name)
    if found is None:
        return None
    if _is_number(found, whole) and isinstance(found, int | float) and (found >= least if whole else found > least):
        return float(found)
    wanted = f"a whole number of at least {least:g}" if whole else f"a number greater than {least:g}"
    hint = f"Write {wanted}, as v1's SDK demands."
    return breach(account, name, f"`{name}`: expected {wanted}, got {show(found)}.", hint)


def _is_number(found: Json, whole: bool) -> bool:
    if not isinstance(found, int | float) or isinstance(found, bool) or not isfinite(found):
        return False
    return not whole or float(found).is_integer()


def settle(account: Account, twin: Twin) -> Iterator[tuple[str, int | bool] | Default | Breach]:
    """What to write for `twin`, the default that differs, or what is wrong; claims the value."""
    if isinstance(twin.v1, bool):
        yield from _switch(account, twin)
        return
    found = number(account, twin.name, 1)
    if isinstance(found, Breach):
        yield found
    elif found is not None:
        written = _within(account, twin, int(found))
        yield twin.target, written
        said = "as the file says" if written == found else f"the file says {found:g}"
        yield from _default(twin, f"written: {written}, {said}")
    elif twin.differs:
        yield twin.target, twin.v1
        yield from _default(twin, f"written: {twin.v1}, v1's default")


def _default(twin: Twin, note: str) -> Iterator[Default]:
    if twin.differs:
        yield Default(twin.target, str(twin.v1), str(twin.v2), note)


def _switch(account: Account, twin: Twin) -> Iterator[tuple[str, bool] | Breach]:
    found = value(account, twin.name)
    if found is not None and not isinstance(found, bool):
        yield breach(
            account, twin.name, f"`{twin.name}`: expected true or false, got {found!r}.", "Write true or false."
        )
        return
    claim(account, twin.name, Outcome.WRITTEN, twin.target)
    if found is not None:
        yield twin.target, found


def _within(account: Account, twin: Twin, found: int) -> int:
    if twin.name != "scoring_timeout_ms":
        claim(account, twin.name, Outcome.WRITTEN, twin.target)
        return found
    if found > REQUEST_LIMIT_MS:
        note = f"v2 on Kubernetes allows {REQUEST_LIMIT_MS} ms at most"
        claim(account, twin.name, Outcome.CHANGED, f"{twin.target}: {REQUEST_LIMIT_MS}", note)
        return REQUEST_LIMIT_MS
    risk = "a value this large was refused for the probes at times; keep it at 150000 if it is"
    claim(account, twin.name, Outcome.WRITTEN, twin.target, risk if found > PROBE_SAFE_MS else "")
    return found
