"""Which serving settings Azure cannot honour as written, and what stands in for them. Asks nobody."""

from collections.abc import Iterator

from landbridge.domain.azure.online import KUBERNETES_TIMEOUT_MS, LONGEST_PAIR, MANAGED_INSTANCES, MANAGED_TIMEOUT_MS
from landbridge.domain.inventory import Target
from landbridge.domain.names import is_legal_pair
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec
from landbridge.domain.scenario import ServingSettings
from landbridge.drivers.azureml.serving_bodies import Where, instances, is_scaled
from landbridge.drivers.findings import no_such_type, of_scale, refused

_DEFAULTS = ServingSettings()
REGISTRIES = "azureml://registries/"
CURRENT = "current"
INLINE = "inline"  # the name of an environment that has neither a name nor an image
COMFORTABLE_TIMEOUT_MS = 150_000  # above it, Azure has refused probes: Azure/azure-sdk-for-python issue 33660


def findings(colour: ColourSpec, target: Target, where: Where) -> tuple[Finding, ...]:
    """One finding per setting that is set and not honoured as written."""
    return (
        *_names(colour, where),
        *_from_registries(colour, where),
        *_environment(colour),
        *_instance_type(colour.settings, target, where),
        *of_scale(colour.settings),
        *(_kubernetes(colour) if where.compute else _managed(colour)),
    )


def image_of(colour: ColourSpec) -> str:
    """What a scoring script runs in: an image or a reference to an environment; "" = nothing that Azure can start."""
    given = colour.environment
    return given.image or ("" if given.python or given.name == INLINE else given.name)


def _names(colour: ColourSpec, where: Where) -> Iterator[Finding]:
    """Azure counts both names on Kubernetes; each alone is checked for every driver."""
    together = len(colour.endpoint) + len(colour.colour)
    if where.compute and together > LONGEST_PAIR and not is_legal_pair(colour.endpoint, colour.colour):
        detail = f"{colour.endpoint} and {colour.colour} have {together} characters; Kubernetes takes {LONGEST_PAIR}."
        yield refused("endpoint.name", detail, "Shorten endpoint.name.")


def _from_registries(colour: ColourSpec, where: Where) -> Iterator[Finding]:
    """Of the Model Catalog and of registries."""
    if not where.compute:
        return
    for field, value in (
        ("model", colour.model_url),
        ("environment", colour.environment.image or colour.environment.name),
    ):
        if value.startswith(REGISTRIES):
            detail = f"{value}: Kubernetes online endpoints take nothing from registries or the Model Catalog."
            yield refused(
                field, detail, "Use an asset of the workspace, or serve from a managed endpoint (no `compute`)."
            )


def _environment(colour: ColourSpec) -> Iterator[Finding]:
    given, image = colour.environment, image_of(colour)
    if colour.scoring is None:
        if image or given.python not in ("", CURRENT):
            detail = (
                f"{image or given.python}: Azure builds the environment of an MLflow model from its list of packages."
            )
            yield Finding("environment", FindingKind.SUBSTITUTED, detail)
    elif not image:
        what = f"is the interpreter {given.python}" if given.python else "is written inline"
        hint = "Give the environment an `image` for this target in the inventory, with azureml-inference-server-http in it."
        yield refused("environment", f"{given.name} {what}; Azure runs a score.py in an image.", hint)


def _instance_type(settings: ServingSettings, target: Target, where: Where) -> Iterator[Finding]:
    wanted = settings.instance_type or where.instance_type
    known = [kind.name for kind in target.instance_types]
    if not wanted and not where.compute:
        detail = "A managed deployment runs on machines of a size that somebody names."
        hint = f"Set endpoint.deployment.instance_type, or targets.{target.name}.options.instance_type."
        yield refused("instance_type", detail, hint)
    elif settings.instance_type and known and wanted not in known:
        yield no_such_type("instance_type", wanted, target.name, sorted(known))


def _kubernetes(colour: ColourSpec) -> Iterator[Finding]:
    timeout = colour.settings.request_timeout_ms
    if timeout > KUBERNETES_TIMEOUT_MS:
        yield refused(_TIMEOUT, f"{timeout}: Kubernetes takes {KUBERNETES_TIMEOUT_MS} ms.", "Lower it.")
    elif timeout > COMFORTABLE_TIMEOUT_MS:
        detail = f"{timeout}: above {COMFORTABLE_TIMEOUT_MS} ms Azure has refused deployments for their probes."
        yield Finding(_TIMEOUT, FindingKind.NOTE, detail)


def _managed(colour: ColourSpec) -> Iterator[Finding]:
    settings = colour.settings
    if settings.request_timeout_ms > MANAGED_TIMEOUT_MS:
        detail = f"{settings.request_timeout_ms}: a managed endpoint takes {MANAGED_TIMEOUT_MS} ms."
        yield refused(_TIMEOUT, detail, "Lower it, or serve from a Kubernetes compute.")
    if instances(colour) > MANAGED_INSTANCES:
        detail = f"{instances(colour)}: a managed deployment has at most {MANAGED_INSTANCES} instances."
        yield refused("instance_count", detail, "Lower it.")
    if is_scaled(colour):
        detail = (
            f"{settings.scale_type}: a managed deployment is scaled by rules of Azure Monitor, not by its own settings."
        )
        hint = "Use `type: default` with instance_count and add autoscale rules in Azure, or serve from a Kubernetes compute."
        yield refused("scale_settings.type", detail, hint)


_TIMEOUT = "request_settings.request_timeout_ms"
