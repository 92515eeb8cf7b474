"""What every driver says alike of a job or of a colour, whatever its vendor."""

from collections.abc import Iterable, Iterator

from landbridge.domain.errors import CapabilityMissingError, InputError
from landbridge.domain.job import CommandJob
from landbridge.domain.names import is_legal_deployment, is_legal_endpoint
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec


def of_no_target(job: CommandJob) -> Iterator[Finding]:
    """Fields whose meaning is the scenario's, or that of the service that published them."""
    if job.compute:
        detail = f"{job.compute}: the scenario's placement chose this target instead."
        yield Finding("compute", FindingKind.SUBSTITUTED, detail)
    for key in job.extra:
        yield Finding(key, FindingKind.NOTE, "It has no meaning outside the service that published it.")


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
