"""A workspace and the cluster behind one of its computes, as IT operations work on them."""

from collections.abc import Iterator

from landbridge.domain.azure.cluster_rules import judge
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Diagnosis
from landbridge.drivers.azureml.client import Workspace, connect
from landbridge.drivers.azureml.clusters import cluster_of, read_cluster, read_surroundings
from landbridge.drivers.azureml.options import read_options


class OperatedWorkspace:
    """`CanCheckCluster` over one target's options."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target, self._inventory = target, inventory
        self._options = read_options(target, inventory)

    @property
    def label(self) -> str:
        return f"target {self._target.name!r} ({self._options.place.label})"

    def check_cluster(self) -> Iterator[Diagnosis]:
        cluster = read_cluster(self._workspace, cluster_of(self._workspace, self._options))
        yield from judge(cluster, read_surroundings(self._workspace, cluster))

    @property
    def _workspace(self) -> Workspace:
        return connect(self._options.place)
