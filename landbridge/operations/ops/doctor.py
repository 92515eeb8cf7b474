"""What stands between a target and its work."""

from collections.abc import Iterator

from landbridge.domain.operating import Access, Diagnosis, Examination
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports import CanDiagnose


def examine(where: tuple[str, str, str], order: Examination) -> Iterator[Diagnosis]:
    """One row after the other, with the target's own credentials; `order.access` only looks where those may not."""
    yield from reach(find(*where), Access(), CanDiagnose).diagnose(order)  # type: ignore[type-abstract]
