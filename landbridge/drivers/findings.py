"""What every driver says alike of a job or of a colour, whatever its vendor."""

from collections.abc import Iterable, Iterator, Mapping

from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.job import CommandJob
from landbridge.domain.names import is_legal_deployment, is_legal_endpoint
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec
from landbridge.domain.scenario import ServingSettings
from landbridge.domain.values import Json

CHECKED_BY_THE_LOADER = frozenset({"default", "min", "max", "enum"})

_DEFAULTS = ServingSettings()
_RANGE = ("min_instances", "max_instances", "target_utilization_percentage", "polling_interval")
_FURTHER = {
    "path_on_compute": "The command gets a path of landbridge's own by its expression.",
    "datastore": "The path says in which datastore the data is.",
    "name": "No data asset is made of an output; the scenario's `model` says what is registered.",
    "version": "No data asset is made of an output; the scenario's `model` says what is registered.",
    "early_available": "An output is there when the job has succeeded; there are no pipelines.",
    "is_control": "There are no pipelines, which it is for.",
}
FOR_READERS = "It is for those who read the file; nothing here shows it."


def refused(field: str, detail: str, hint: str) -> Finding:
    return Finding(field, FindingKind.REFUSED, detail, hint)


def no_such_type(field: str, wanted: str, target: str, known: Iterable[str]) -> Finding:
    """Refuse an instance type; `known` are those that are told instead."""
    detail = f"{wanted} is not an instance type of {target} (it has {', '.join(known) or 'none'})."
    return refused(field, detail, f"Declare it under targets.{target}.instance_types, or name one of these.")


def of_code(job: CommandJob) -> Iterator[Finding]:
    """Code that is not here: what ran could not be named by its content."""
    if "://" in job.code or job.code.startswith(("azureml:", "git@", "git+")):
        yield refused("code", f"{job.code} is not on this machine.", "Check the code out and name its folder.")


def of_elsewhere(job: CommandJob) -> Iterator[Finding]:
    """What only another service has: code that is not here, a region to choose, settings of its own."""
    yield from of_code(job)
    if job.resources.locations:
        detail = f"{', '.join(job.resources.locations)}: the region is that of the target that placement chose."
        yield Finding("resources.locations", FindingKind.SUBSTITUTED, detail)
    for key in job.resources.properties:
        hint = "Remove it, or choose a target of the service that it is for."
        yield refused(f"resources.properties.{key}", "It is a setting of a service that is not here.", hint)


def of_further(where: str, options: Mapping[str, Json]) -> Iterator[Finding]:
    """Further keys of an input or output, which have no meaning outside the service that published them."""
    for key in options:
        if key == "description":
            yield Finding(f"{where}.{key}", FindingKind.NOTE, FOR_READERS)
        elif key not in CHECKED_BY_THE_LOADER:
            yield refused(f"{where}.{key}", _FURTHER.get(key, "It has no meaning here."), f"Remove {key}.")


def of_scale(settings: ServingSettings) -> Iterator[Finding]:
    """Of a fixed number of instances and a range, one counts; the other is said to have no effect."""
    if settings.scale_type == _DEFAULTS.scale_type:
        detail = "It has no effect: with scale_settings.type default, instance_count decides."
        idle = [f"scale_settings.{key}" for key in _RANGE if getattr(settings, key) != getattr(_DEFAULTS, key)]
    else:
        detail = f"It has no effect: with scale_settings.type {settings.scale_type}, the range decides."
        idle = ["instance_count"] if settings.instance_count != _DEFAULTS.instance_count else []
    for field in idle:
        yield Finding(field, FindingKind.NOTE, detail)


def of_score_script(colour: ColourSpec, until: str, where: str) -> Iterator[Finding]:
    """Request settings of a score.py: the inference server has workers where an MLflow model has places.

    Args:
        until: what ends the wait for a free worker.
        where: where the workers are; "" = on this machine.
    """
    settings = colour.settings
    if colour.scoring is None:
        return
    if settings.max_queue_wait_ms != _DEFAULTS.max_queue_wait_ms:
        detail = f"With a score.py a request waits for a free worker until {until}."
        yield Finding("request_settings.max_queue_wait_ms", FindingKind.SUBSTITUTED, detail)
    if settings.max_concurrent_requests_per_instance > 1 and not settings.environment_variables.get("WORKER_COUNT"):
        workers = settings.max_concurrent_requests_per_instance
        detail = f"{workers} workers of the inference server{where}, each with one request."
        yield Finding("request_settings.max_concurrent_requests_per_instance", FindingKind.SUBSTITUTED, detail)


def of_no_target(job: CommandJob) -> Iterator[Finding]:
    """Fields whose meaning is the scenario's, or that of the service that published them."""
    yield from of_scenario(job)
    for key in ("display_name", "description", "tags", "properties"):
        if getattr(job, key):
            yield Finding(key, FindingKind.NOTE, FOR_READERS)
    for key in job.extra:
        yield Finding(key, FindingKind.NOTE, "It has no meaning outside the service that published it.")


def of_scenario(job: CommandJob) -> Iterator[Finding]:
    """Fields that the scenario decides, on whatever target."""
    if job.compute:
        detail = f"{job.compute}: the scenario's placement chose this target instead."
        yield Finding("compute", FindingKind.SUBSTITUTED, detail)
    if job.name:
        detail = f"{job.name}: scenario and run key name the job, so that the same run is the same job."
        yield Finding("name", FindingKind.SUBSTITUTED, detail)


def require_possible(colour: ColourSpec, found: Iterable[Finding]) -> None:
    """Refuse what can never run, before anything is started; `found` is what the driver says of the colour.

    Raises:
        InputError: a name is not legal.
        CapabilityMissingError: a setting is refused.
    """
    if not (is_legal_endpoint(colour.endpoint) and is_legal_deployment(colour.colour)):
        raise InputError(
            f"{colour.endpoint!r} or {colour.colour!r} is no name of an endpoint or a deployment.",
            "Use 3 to 32 letters, digits and dashes, a letter first.",
        )
    refused = next((item for item in found if item.kind is FindingKind.REFUSED), None)
    if refused:
        raise CapabilityMissingError(f"{refused.field}: {refused.detail}", refused.hint)
