"""What a driver may offer IT operations over a cloud's management service: optional powers of an `OperatedTarget`.

Apart from `landbridge.ports` on purpose: no scenario asks for any of them.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from landbridge.domain.azure.attaching import Attached, Attachment
from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_plan import Plan
from landbridge.domain.azure.extension_state import Installed, Uses
from landbridge.domain.azure.router import Inside
from landbridge.domain.azure.troubleshooting import Evidence, Subject
from landbridge.domain.operating import Diagnosis, OfferedType, Waiting


@runtime_checkable
class CanCheckCluster(Protocol):
    """Stands on a cluster that a cloud's management service knows."""

    def check_cluster(self) -> Iterator[Diagnosis]:
        """Whether that cluster may carry Azure Machine Learning, one row per rule. Reads only.

        Raises:
            InputError: the target names no cluster, and has no compute on one.
            NotFoundError: the cluster is not there.
        """


@runtime_checkable
class HasExtension(Protocol):
    """Stands on a cluster that Azure Machine Learning's extension is installed on, changed and removed through its cloud."""

    def cluster(self) -> ClusterId:
        """The cluster. Raises InputError: the target names none, and has no compute on one."""

    def nodes(self) -> int:
        """How many of its nodes take pods of the extension."""

    def extension(self, waiting: Waiting | None) -> Installed | None:
        """What is installed, read once, or with `waiting` once no operation on it goes on; None = nothing."""

    def carry_out(self, wanted: Extension, made: Plan, waiting: Waiting) -> Installed:
        """Do what the plan says and wait for its end. May be repeated.

        Raises:
            AuthError: a protected setting's variable is not set.
            LandbridgeError: it failed; says why, with what mends it. No value of a protected setting is in it.
        """

    def remove_extension(self, waiting: Waiting) -> bool:
        """Remove it and wait until it is gone. False: there was none."""


@runtime_checkable
class KnowsUses(Protocol):
    def uses(self, whole_cluster: bool) -> Uses:
        """What stands on the target's compute, or on every compute of its service that is on the same cluster."""


@runtime_checkable
class CanAttach(Protocol):
    """Is a compute of a service, which stands on a cluster that it is attached to and detached from."""

    def attachment(self) -> Attachment:
        """As the inventory wants it. Raises InputError: it names no compute, or no cluster."""

    def attached(self) -> Attached | None:
        """As it is; None = there is no compute of that name."""

    def attach(self, waiting: Waiting) -> Attached:
        """Attach it and wait for the end. May be repeated; one that is attached otherwise is not changed.

        Raises:
            LandbridgeError: it failed; says why, with what mends it.
        """

    def detach(self, waiting: Waiting) -> bool:
        """Detach it and wait until it is gone; the cluster stays. False: there was none."""

    def probe(self, image: str, seconds: float) -> Diagnosis:
        """How a real job fares on it, deleted afterwards. `image`: has a shell."""


@runtime_checkable
class CanTroubleshoot(Protocol):
    def evidence(self, of: Subject) -> Iterator[Evidence]:
        """What its service says around a failure: of cluster, extension and compute, and of what is named. Reads only."""


@runtime_checkable
class GivesKubeconfig(Protocol):
    def kubeconfig(self) -> str:
        """A kubeconfig for the cluster, from its cloud, for this account: a secret.

        Raises:
            CapabilityMissingError: its cloud gives none that works without a tool of its own.
        """


@runtime_checkable
class KnowsNamespaces(Protocol):
    def has_namespace(self) -> bool:
        """Whether the target's namespace is there. Reads once. Raises AuthError: this account may not look."""


@runtime_checkable
class KnowsRouter(Protocol):
    def router(self, secret: str) -> Inside | None:
        """The inference router of Azure ML's extension as the cluster has it; None = not there.

        Args:
            secret: whose keys are named too; "" = none.
        """


@runtime_checkable
class TellsInstanceTypes(Protocol):
    """Instance types as a service reads them from the cluster, for those who cannot look into the cluster itself."""

    def told_types(self) -> tuple[OfferedType, ...]:
        """All of them, by name; nothing of nodes. Raises RefusedError: there is no such compute."""

    def check_told_types(self) -> tuple[Diagnosis, ...]:
        """Whether each type that the inventory declares is there, as declared."""
