"""A compute of a workspace on a cluster: as it is wanted, as it is, and what of it Azure does not change. Pure.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-attach-kubernetes-to-workspace,
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-kubernetes-compute
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.operating import Diagnosis, Verdict

SYSTEM = "system"
DEFAULT_NAMESPACE = "default"
STOPS_ATTACHING = frozenset({"subscription", "running", "connected", "managed identity"})
"""Rows of a cluster's check that no attached compute gets over; what other rows find may be mended later."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A compute as it is wanted.

    Attributes:
        namespace: of its jobs and deployments.
        identity: "system", one user-assigned identity, or "" = none.
    """

    compute: str
    cluster: ClusterId
    namespace: str = DEFAULT_NAMESPACE
    identity: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """A compute as Azure tells of it.

    Attributes:
        cluster: an identifier.
        said: Azure's words when it is not well.
    """

    compute: str
    cluster: str
    namespace: str
    identity: str
    state: str
    said: str = ""

    @property
    def is_well(self) -> bool:
        return self.state == "Succeeded"


def differences(wanted: Attachment, there: Attached) -> Iterator[str]:
    """What is otherwise than wanted, in words. Azure takes an order to change it, and changes nothing."""
    if there.cluster.rstrip("/").lower() != wanted.cluster.id.lower():
        yield f"cluster {there.cluster or 'none'}, not {wanted.cluster.id}"
    if there.namespace != wanted.namespace:
        yield f"namespace {there.namespace!r}, not {wanted.namespace!r}"
    if there.identity.lower() != wanted.identity.lower():
        yield f"identity {there.identity or 'none'}, not {wanted.identity or 'none'}"


def in_the_way(rows: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """Of a cluster's check, what no compute gets over."""
    return tuple(row for row in rows if row.verdict is Verdict.FAIL and row.name in STOPS_ATTACHING)
