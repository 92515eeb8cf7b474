"""A workspace and the cluster behind one of its computes, as IT operations work on them."""

from collections.abc import Iterator

from landbridge.domain.azure.attaching import Attached, Attachment
from landbridge.domain.azure.cluster_rules import judge, nodes_for_work
from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_plan import Plan
from landbridge.domain.azure.extension_state import Installed, Uses
from landbridge.domain.azure.troubleshooting import Evidence, Subject
from landbridge.domain.errors import AuthError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Diagnosis, OfferedType, Waiting
from landbridge.drivers.azureml import attach, errors, extension
from landbridge.drivers.azureml.client import COMPUTES, Answer, Request, Workspace, connect
from landbridge.drivers.azureml.clusters import cluster_of, read_cluster, read_kubeconfig, read_surroundings
from landbridge.drivers.azureml.computes import read_compute
from landbridge.drivers.azureml.discovery import instance_types
from landbridge.drivers.azureml.operating_types import judge_told
from landbridge.drivers.azureml.options import read_options
from landbridge.drivers.azureml.uses import uses_of, uses_of_cluster

RIGHTS = (
    "Give this identity, on the cluster, Reader and Kubernetes Extension Contributor (on AKS also Azure Kubernetes Service "
    "Cluster User, on Arc also Azure Relay Owner on its resource group); on the workspace, Contributor."
)


class Operators(Workspace):
    """The workspace as IT operations ask it: what a right is missing for is theirs to say, not a data scientist's role."""

    def ask(self, request: Request) -> Answer:
        try:
            return super().ask(request)
        except AuthError as error:
            if error.hint != errors.RIGHTS:
                raise
            raise AuthError(error.message, RIGHTS) from error


class _OfTarget:
    """One target's options and its workspace."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target, self._inventory = target, inventory
        self._options = read_options(target, inventory)

    @property
    def label(self) -> str:
        return f"target {self._target.name!r} ({self._options.place.label})"

    @property
    def _workspace(self) -> Workspace:
        return connect(self._options.place, Operators)

    def cluster(self) -> ClusterId:
        return cluster_of(self._workspace, self._options)


class _OnCluster(_OfTarget):
    """`CanCheckCluster`, `HasExtension`, `GivesKubeconfig`."""

    def check_cluster(self) -> Iterator[Diagnosis]:
        cluster = read_cluster(self._workspace, self.cluster())
        yield from judge(cluster, read_surroundings(self._workspace, cluster))

    def kubeconfig(self) -> str:
        return read_kubeconfig(self._workspace, self.cluster())

    def nodes(self) -> int:
        return nodes_for_work(read_cluster(self._workspace, self.cluster()))

    def extension(self, waiting: Waiting | None) -> Installed | None:
        at = self.cluster()
        return extension.settled(self._workspace, at, waiting) if waiting else extension.find(self._workspace, at)

    def carry_out(self, wanted: Extension, made: Plan, waiting: Waiting) -> Installed:
        return extension.carry_out(self._workspace, self.cluster(), (wanted, made), waiting)

    def remove_extension(self, waiting: Waiting) -> bool:
        return extension.remove(self._workspace, self.cluster(), waiting)


class _InWorkspace(_OfTarget):
    """`KnowsUses`, `CanTroubleshoot`."""

    def uses(self, whole_cluster: bool) -> Uses:
        if whole_cluster:
            return uses_of_cluster(self._workspace, self.cluster())
        name = self._options.compute
        found = self._workspace.find(f"computes/{name}", COMPUTES, f"reading compute {name!r}") if name else None
        return uses_of(self._workspace, [found] if found else [])

    def evidence(self, of: Subject) -> Iterator[Evidence]:
        from landbridge.drivers.azureml.operating_evidence import Witness

        yield from Witness(self._target, self._inventory, Operators).evidence(of)


class _TellsTypes(_OfTarget):
    """`TellsInstanceTypes`."""

    def told_types(self) -> tuple[OfferedType, ...]:
        found = read_compute(self._workspace, self._options)
        return tuple(OfferedType(item, "compute") for item in instance_types(found, self._workspace))

    def check_told_types(self) -> tuple[Diagnosis, ...]:
        return judge_told(self._target, [item.type for item in self.told_types()])


class _Attaches(_OfTarget):
    """`CanAttach`."""

    def attachment(self) -> Attachment:
        return attach.wanted(self._workspace, self._options)

    def attached(self) -> Attached | None:
        return attach.find(self._workspace, self._options.compute)

    def attach(self, waiting: Waiting) -> Attached:
        return attach.attach(self._workspace, self.attachment(), waiting)

    def detach(self, waiting: Waiting) -> bool:
        return attach.detach(self._workspace, self._options.compute, waiting)

    def probe(self, image: str, seconds: float) -> Diagnosis:
        from landbridge.drivers.azureml.operating_probe import probe

        return probe(self._target, self._inventory, image, seconds)


class OperatedWorkspace(_OnCluster, _InWorkspace, _TellsTypes, _Attaches):
    """Everything that `landbridge ops` may do to a target of driver azureml."""
