"""What is there before a test begins: made in the double's memory, without a request."""

from collections.abc import Mapping
from pathlib import Path

from tests.azure.double.clusters import AKS, ARC, DEFAULT_TYPE, Clusters, Inside
from tests.azure.double.ml_computes import Computes
from tests.azure.double.neighbours import Neighbours
from tests.azure.double.wire import Json
from tests.azure.double.world import BLOBSTORE, World

BOTH = {
    "enableTraining": "True",
    "enableInference": "True",
    "inferenceRouterServiceType": "NodePort",
    "allowInsecureConnections": "True",
}
BIG_TYPE = {"resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}}
KINDS = {"aks": AKS, "arc": ARC}


class Seeds:
    """Every method returns the resource, or what a test changes about it."""

    def __init__(self, world: World, clusters: Clusters, computes: Computes, neighbours: Neighbours) -> None:
        self._world, self._clusters, self._computes, self._neighbours = world, clusters, computes, neighbours

    def cluster(
        self, name: str, kind: str = "arc", settings: Mapping[str, str] | None = None, **properties: Json
    ) -> str:
        """A cluster (`kind`: aks or arc) with the Azure ML extension, unless `settings` is {}; returns its identifier.

        It has the instance types `defaultinstancetype` and `big`. `properties` are those of ARM.
        """
        cluster = self._clusters.make(KINDS[kind], name, properties)
        inside = self.inside(cluster["id"])
        inside.instance_types = {"defaultinstancetype": DEFAULT_TYPE, "big": BIG_TYPE}
        if settings is None or settings:
            self._clusters.extend(cluster["id"], BOTH if settings is None else settings)
        return str(cluster["id"])

    def inside(self, cluster_id: str) -> Inside:
        """What only the cluster knows: namespaces, instance types, nodes, whether it is reachable."""
        return self._clusters.of(cluster_id)

    def kubernetes_compute(self, name: str = "k8s", namespace: str = "default", kind: str = "arc") -> str:
        """A cluster of its own, attached; returns the compute's identifier."""
        cluster_id = self.cluster(f"{name}-cluster", kind)
        return str(self._computes.attach(name, cluster_id, namespace)["id"])

    def managed_compute(self, name: str = "cpu", size: str = "Standard_DS3_v2") -> str:
        """An AmlCompute; returns its identifier."""
        return str(self._computes.add_managed(name, size)["id"])

    def close(self, what: str, status: str = "Approved") -> None:
        """Take away public access, and give a private endpoint whose connection is `status`.

        `what`: workspace, storageAccount, keyVault, containerRegistry.
        """
        workspace = self._world.resources.get(self._world.places.workspace_id)
        resource_id = workspace["id"] if what == "workspace" else workspace["properties"][what]
        self._neighbours.close(resource_id, status)

    def environment(self, name: str, version: str = "1", image: str = "mcr.microsoft.com/azureml/minimal") -> str:
        """An environment of the workspace, as the curated ones are."""
        properties = {
            "image": image,
            "osType": "Linux",
            "isAnonymous": False,
            "isArchived": False,
            "tags": {},
            "properties": {},
        }
        made = self._world.add("environments/versions", (name, version), {**properties, "environmentType": "Curated"})
        return str(made["id"])

    def blob(self, path: str, content: bytes, datastore: str = BLOBSTORE) -> str:
        """A file in a datastore; returns its address."""
        self._world.blobs.put(self._world.container(datastore), path, content)
        return f"azureml://datastores/{datastore}/paths/{path}"

    def folder(self, path: str, folder: Path, datastore: str = BLOBSTORE) -> str:
        """A folder in a datastore; returns its address."""
        self._world.blobs.put_folder(self._world.container(datastore), path, folder)
        return f"azureml://datastores/{datastore}/paths/{path}/"

    def read(self, path: str, datastore: str = BLOBSTORE) -> bytes:
        """A blob's content. Raises KeyError."""
        return self._world.blobs.make(self._world.container(datastore)).blobs[path].data
