"""The state of one double, which its services share."""

import base64
import datetime
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.azure.double.arm import Arm, Operations, Resources
from tests.azure.double.blob_store import BlobStore
from tests.azure.double.faults import FaultPlan
from tests.azure.double.places import PROVIDER, Places
from tests.azure.double.record import Recorder
from tests.azure.double.wire import Json

BLOBSTORE, ARTIFACTS = "workspaceblobstore", "workspaceartifactstore"


@dataclass(slots=True)
class World:
    """One subscription.

    Attributes:
        root: a folder for what runs; short, since it holds Unix sockets.
        router: the address of the Kubernetes clusters' inference router, `http://127.0.0.1:PORT`.
        mlflow_url: a real MLflow server behind the workspace's tracking address, or "".
        quota: of virtual CPUs, by the name of Azure's counter: used and limit.
    """

    places: Places
    root: Path
    mlflow_url: str = ""
    router: str = ""
    quota: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {
            "Total Cluster Dedicated Regional vCPUs": (0, 200),
            "Total Cluster LowPriority Regional vCPUs": (0, 100),
            "Standard Family Cluster Dedicated vCPUs": (0, 100),
            "Standard NCSv3 Family Cluster Dedicated vCPUs": (0, 0),
        }
    )
    account_key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(64)).decode())
    faults: FaultPlan = field(default_factory=FaultPlan)
    recorder: Recorder = field(default_factory=Recorder)
    blobs: BlobStore = field(default_factory=BlobStore)
    resources: Resources = field(default_factory=Resources)
    arm: Arm = field(init=False)

    def __post_init__(self) -> None:
        scope = f"/subscriptions/{self.places.subscription}/providers/{PROVIDER}/locations/{self.places.region}"
        self.arm = Arm(self.resources, Operations(self.places.management, scope))

    def ml(self, kind: str, *names: str) -> str:
        """Identifier in the workspace: `ml("models/versions", "m", "1")` is `…/models/m/versions/1`."""
        kinds = kind.split("/")
        parts = [text for pair in zip(kinds, names, strict=False) for text in pair]
        parts += kinds[len(names) :]
        return "/".join([self.places.workspace_id, *parts])

    def add(self, kind: str, names: tuple[str, ...], properties: dict[str, Json], **more: Json) -> dict[str, Json]:
        """Keep a resource of the workspace."""
        resource_id = self.ml(kind, *names)
        made = {"id": resource_id, "name": names[-1], "type": f"{PROVIDER}/workspaces/{kind}", **more}
        return self.resources.put({**made, "properties": properties})

    def container(self, datastore: str) -> str:
        """The blob container of a datastore. Raises ArmError 404."""
        return str(self.resources.get(self.ml("datastores", datastore))["properties"]["containerName"])

    def sas(self, container: str) -> str:
        """Signed as Azure does it, for an hour."""
        return generate_container_sas(
            self.places.account,
            container,
            account_key=self.account_key,
            permission=ContainerSasPermissions(read=True, write=True, create=True, list=True, add=True),
            expiry=datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1),
        )
