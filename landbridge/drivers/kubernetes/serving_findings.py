"""Which serving settings a cluster cannot honour as written, and what stands in for them."""

from collections.abc import Iterator

from landbridge.domain.inventory import Target
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec
from landbridge.domain.scenario import Probe, ServingSettings
from landbridge.drivers.findings import no_such_type, of_scale, of_score_script
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import DEFAULT_TYPE

_DEFAULTS = ServingSettings()
CURRENT = "current"


def findings(colour: ColourSpec, target: Target, options: KubernetesOptions) -> tuple[Finding, ...]:
    """One finding per setting that is set and not honoured as written."""
    settings = colour.settings
    return (
        *_environment(colour, target, options),
        *_instance_type(settings, target),
        *of_scale(settings),
        *_scale(settings),
        *of_score_script(colour, "the router's timeout is over", " per pod"),
        *_probes(settings),
    )


def image_of(colour: ColourSpec, options: KubernetesOptions) -> str:
    """The environment's image; "current" means the target's own environment, which on a cluster is its serving image."""
    return colour.environment.image or (options.serving_image if colour.environment.python in ("", CURRENT) else "")


def _environment(colour: ColourSpec, target: Target, options: KubernetesOptions) -> Iterator[Finding]:
    if image_of(colour, options):
        return
    python = colour.environment.python
    if python in ("", CURRENT):
        detail = f"{colour.environment.name} names no image, and {target.name} has none of its own to serve from."
        hint = f"Give the environment an `image` for this target, or set targets.{target.name}.options.serving_image."
    else:
        detail = f"{colour.environment.name} is the interpreter {python}; pods run images."
        hint = "Give the environment an `image` for this target in the inventory."
    yield Finding("environment", FindingKind.REFUSED, detail, hint)


def _instance_type(settings: ServingSettings, target: Target) -> Iterator[Finding]:
    known = {kind.name for kind in target.instance_types} | {DEFAULT_TYPE}
    if settings.instance_type and settings.instance_type not in known:
        yield no_such_type("instance_type", settings.instance_type, target.name, sorted(known))


def _scale(settings: ServingSettings) -> Iterator[Finding]:
    if settings.scale_type == _DEFAULTS.scale_type:
        return
    detail = (
        f"{settings.scale_type}: a HorizontalPodAutoscaler keeps the pods' CPU at "
        f"{settings.target_utilization_percentage} percent of what they request, instead of their busy time. "
        "The cluster needs a metrics server; without one the number stays at the lower end."
    )
    yield Finding("scale_settings.type", FindingKind.SUBSTITUTED, detail)
    if settings.polling_interval != _DEFAULTS.polling_interval:
        detail = "The cluster's own interval stands in for it (15 s, unless its operators changed it)."
        yield Finding("scale_settings.polling_interval", FindingKind.SUBSTITUTED, detail)


def _probes(settings: ServingSettings) -> Iterator[Finding]:
    for name in ("liveness_probe", "readiness_probe"):
        if getattr(settings, name).initial_delay != Probe().initial_delay:
            detail = (
                "A startup probe asks every second from the first moment on; this probe begins when that has passed."
            )
            yield Finding(f"{name}.initial_delay", FindingKind.SUBSTITUTED, detail)
    if settings.liveness_probe.success_threshold != Probe().success_threshold:
        detail = "Kubernetes takes only 1 here: one good answer keeps a pod alive."
        yield Finding("liveness_probe.success_threshold", FindingKind.SUBSTITUTED, detail)
