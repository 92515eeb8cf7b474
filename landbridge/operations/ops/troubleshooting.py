"""What went wrong on a target: evidence first, then the names of the errors that it is."""

from dataclasses import dataclass

from landbridge.domain.azure.troubleshooting import Evidence, Named, Subject, name
from landbridge.domain.errors import InputError
from landbridge.domain.operating import Access, Verdict
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports_ops import CanTroubleshoot


@dataclass(frozen=True, slots=True)
class Case:
    evidence: tuple[Evidence, ...]
    errors: tuple[Named, ...]

    @property
    def is_well(self) -> bool:
        return not any(item.verdict is Verdict.FAIL for item in self.evidence)


def examine(where: tuple[str, str, str], of: Subject) -> Case:
    """Look at cluster, extension and compute of the target, and at what is named. Changes nothing.

    Raises:
        InputError: a deployment without its endpoint.
    """
    if of.deployment and not of.endpoint:
        raise InputError("A deployment is named without its endpoint.", "Give --endpoint too.")
    operated = reach(find(*where), Access(), CanTroubleshoot)  # type: ignore[type-abstract]
    evidence = tuple(operated.evidence(of))
    return Case(evidence, name(evidence))
