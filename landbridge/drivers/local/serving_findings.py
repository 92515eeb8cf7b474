"""Which serving settings processes on one machine cannot honour as written, and what stands in for them."""

from collections.abc import Iterator

from landbridge.domain.inventory import Target
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec
from landbridge.domain.scenario import Probe, ServingSettings
from landbridge.drivers.findings import no_such_type, of_scale, of_score_script

_DEFAULTS = ServingSettings()
_SCALED = ("target_utilization_percentage", "polling_interval", "max_instances")


def findings(colour: ColourSpec, target: Target) -> tuple[Finding, ...]:
    """One finding per setting that is set and not honoured as written."""
    settings = colour.settings
    return (
        *_environment(colour),
        *_instances(settings, target),
        *of_scale(settings),
        *_scale(settings),
        *of_score_script(colour, "request_timeout_ms is over as well", ""),
        *_probes(settings),
    )


def _environment(colour: ColourSpec) -> Iterator[Finding]:
    environment = colour.environment
    if environment.image and not environment.python:
        yield Finding(
            "environment",
            FindingKind.REFUSED,
            f"{environment.name} is the image {environment.image}; a local target runs no containers.",
            "Give the environment a `python` for this target in the inventory.",
        )
    elif environment.python not in ("", "current"):
        detail = f"{environment.python} starts cold: a new colour needs seconds, not a fraction of one."
        yield Finding("environment", FindingKind.NOTE, detail)


def _instances(settings: ServingSettings, target: Target) -> Iterator[Finding]:
    known = {kind.name: kind for kind in target.instance_types}
    wanted = settings.instance_type
    if wanted and wanted not in known:
        yield no_such_type("instance_type", wanted, target.name, known)
    elif wanted:
        detail = f"{wanted}: its limits are not enforced; the processes share this machine."
        yield Finding("instance_type", FindingKind.NOTE, detail)
    if settings.instance_count > 1 and settings.scale_type == _DEFAULTS.scale_type:
        detail = f"{settings.instance_count} instances are as many processes on this machine."
        yield Finding("instance_count", FindingKind.SUBSTITUTED, detail)


def _scale(settings: ServingSettings) -> Iterator[Finding]:
    if settings.scale_type == _DEFAULTS.scale_type:
        return
    detail = f"{settings.scale_type}: the number of processes stays at {settings.min_instances}, the lower end."
    yield Finding("scale_settings.type", FindingKind.SUBSTITUTED, detail)
    for key in _SCALED:
        if getattr(settings, key) != getattr(_DEFAULTS, key):
            detail = "It has no effect, because the number of processes does not follow the load."
            yield Finding(f"scale_settings.{key}", FindingKind.NOTE, detail)


def _probes(settings: ServingSettings) -> Iterator[Finding]:
    if settings.liveness_probe.success_threshold != Probe().success_threshold:
        detail = "One good answer keeps a process alive."
        yield Finding("liveness_probe.success_threshold", FindingKind.SUBSTITUTED, detail)
    if settings.readiness_probe.initial_delay != Probe().initial_delay:
        detail = "A new colour is asked from its first moment on, every few milliseconds, so that it is Ready sooner."
        yield Finding("readiness_probe.initial_delay", FindingKind.SUBSTITUTED, detail)
