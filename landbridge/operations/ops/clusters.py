"""The cluster of a target, as its cloud tells of it."""

from collections.abc import Iterator

from landbridge.domain.operating import Access, Diagnosis
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports_ops import CanCheckCluster


def check(where: tuple[str, str, str]) -> Iterator[Diagnosis]:
    """Whether it may carry Azure Machine Learning, one row per rule."""
    yield from reach(find(*where), Access(), CanCheckCluster).check_cluster()  # type: ignore[type-abstract]
