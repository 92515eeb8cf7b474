"""Files in the workspace's blob containers, by azure-storage-blob: datastores, upload places, what jobs leave.

The right to a container comes with it: a SAS of Azure ML's, the account key that a datastore gives out, or our own identity
where it gives out none.
"""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge.domain.errors import AuthError, CapabilityMissingError, InputError
from landbridge.drivers.azureml.client import (
    CONNECT_SECONDS,
    READ_SECONDS,
    RETRIES,
    WORKSPACES,
    Object,
    Request,
    Workspace,
)
from landbridge.drivers.azureml.errors import translated

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

AT_ONCE = 8  # files on the way at the same time
DEFAULT_STORE = "workspaceblobstore"
ARTIFACTS = "workspaceartifactstore"
_STORE_URI = re.compile(
    r"azureml://(?:subscriptions/.+?/)?datastores/(?P<store>[^/]+)(?:/paths)?/(?P<path>.*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A path in a datastore of the workspace."""

    store: str
    path: str

    @property
    def uri(self) -> str:
        return f"azureml://datastores/{self.store}/paths/{self.path}"


def spot_of(uri: str) -> Spot | None:
    """What an `azureml://…datastores/…` address names; None for any other."""
    found = _STORE_URI.fullmatch(uri)
    return Spot(found["store"], found["path"]) if found else None


class Container:
    """One container. Names are paths with "/"."""

    def __init__(self, client: "ContainerClient", label: str) -> None:
        self._client = client
        self.label = label

    @property
    def url(self) -> str:
        """Without any right in it."""
        return f"{self._client.primary_endpoint.partition('?')[0].rstrip('/')}"

    def has(self, name: str) -> bool:
        with translated(f"looking for {name} in {self.label}"):
            return bool(self._client.get_blob_client(name).exists())

    def names(self, prefix: str) -> Iterator[str]:
        with translated(f"listing {prefix} in {self.label}"):
            yield from self._client.list_blob_names(name_starts_with=prefix)

    def read(self, name: str) -> bytes:
        """A small file. Raises NotFoundError."""
        with translated(f"reading {name} from {self.label}"):
            return bytes(self._client.download_blob(name).readall())

    def write(self, name: str, content: bytes) -> None:
        with translated(f"writing {name} to {self.label}"):
            self._client.upload_blob(name, content, overwrite=True)

    def upload(self, files: Mapping[str, Path]) -> None:
        """Name → local file; several at once. What is there is written over."""

        def send(item: tuple[str, Path]) -> None:
            name, path = item
            with translated(f"uploading {path} to {self.label}"), path.open("rb") as stream:
                self._client.upload_blob(name, stream, overwrite=True, max_concurrency=4)

        _all(send, files.items())

    def download(self, prefix: str, folder: Path) -> int:
        """Everything below `prefix`, or the one file of that name, into `folder`; returns how many files came."""
        found = dict(self._below(prefix))

        def fetch(item: tuple[str, str]) -> None:
            name, relative = item
            path = _inside(folder, relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            with translated(f"downloading {name} from {self.label}"), path.open("wb") as stream:
                self._client.download_blob(name, max_concurrency=4).readinto(stream)

        _all(fetch, found.items())
        return len(found)

    def _below(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Name → path within `prefix`. A store with folders of its own lists them too, as empty files."""
        with translated(f"listing {prefix} in {self.label}"):
            for blob in self._client.list_blobs(name_starts_with=prefix.rstrip("/"), include=["metadata"]):
                relative = str(blob.name).removeprefix(prefix.rstrip("/"))
                is_folder = (blob.metadata or {}).get("hdi_isfolder") == "true"
                if not is_folder and (not relative or relative.startswith("/")):
                    yield str(blob.name), relative.strip("/") or str(blob.name).rsplit("/", 1)[-1]


def from_sas(url: str) -> Container:
    """A container by an address that carries the right to it."""
    from azure.storage.blob import ContainerClient

    return Container(ContainerClient.from_container_url(url, **_options()), url.partition("?")[0])


def read_from(url: str, offset: int) -> bytes:
    """A file by an address that carries the right to it, from `offset` (bytes) on; b"" at its end, or before it is there."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobClient

    with translated(f"reading {url.partition('?')[0]}"):
        try:
            return bytes(BlobClient.from_blob_url(url, **_options()).download_blob(offset=offset).readall())
        except HttpResponseError as error:
            if error.status_code in {404, 416}:
                return b""
            raise


def datastore(workspace: Workspace, name: str) -> Container:
    """The container of a datastore of the workspace.

    Raises:
        CapabilityMissingError: it is none of blobs.
    """
    said = store_of(workspace, name)
    if said.get("datastoreType") not in {"AzureBlob", "AzureDataLakeGen2"}:
        raise CapabilityMissingError(
            f"Datastore {name!r} is of type {said.get('datastoreType')}; landbridge reads and writes blobs only.",
            "Name a datastore of type azure_blob or azure_data_lake_gen2.",
        )
    from azure.storage.blob import ContainerClient

    container = str(said.get("containerName") or said.get("filesystem"))
    host = f"https://{said['accountName']}.blob.{said.get('endpoint') or workspace.place.names.storage}"
    return Container(
        ContainerClient(host, container, credential=_right(workspace, name, said), **_options()), f"datastore {name}"
    )


def store_of(workspace: Workspace, name: str) -> Object:
    """The properties of a datastore. Raises NotFoundError."""
    doing = f"reading datastore {name!r}"
    found = workspace.kept(f"store {name}", lambda: workspace.get(f"datastores/{name}", WORKSPACES, doing))
    return dict(found["properties"])


def default_store(workspace: Workspace) -> str:
    """The name of the workspace's default datastore."""

    def read() -> Object:
        found = workspace.items("datastores", WORKSPACES, "asking for the default datastore", isDefault="true")
        return next(iter(found), {"name": DEFAULT_STORE})

    return str(workspace.kept("default store", read)["name"])


def store_at(workspace: Workspace, account: str, container: str) -> str:
    """The datastore that is this container, "" when none is."""

    def read() -> Object:
        return {"value": list(workspace.items("datastores", WORKSPACES, "listing the workspace's datastores"))}

    for one in workspace.kept("stores", read)["value"]:
        said = one["properties"]
        if said.get("accountName") == account and container in {said.get("containerName"), said.get("filesystem")}:
            return str(one["name"])
    return ""


def _right(workspace: Workspace, name: str, said: Object) -> Any:
    """The account key or SAS that the workspace gives out, else our own identity."""
    if (said.get("credentials") or {}).get("credentialsType") in {None, "None"}:
        return workspace.credential
    doing = f"asking for the right to datastore {name!r}"
    try:
        secrets = workspace.ask(Request("POST", f"datastores/{name}/listSecrets", doing, WORKSPACES, {})).body
    except AuthError:
        return workspace.credential  # whoever may not see keys may still read and write as themselves
    return secrets.get("key") or secrets.get("sasToken") or workspace.credential


def _options() -> dict[str, Any]:
    """The storage client's own pauses begin with 15 s."""
    from azure.storage.blob import ExponentialRetry

    retry = ExponentialRetry(initial_backoff=0, increment_base=2, retry_total=RETRIES, random_jitter_range=1)
    return {"retry_policy": retry, "connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}


def _all(work: Any, items: Any) -> None:
    """Do it for every item, several at once; the first error ends it."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(work, items):
            continue


def _inside(folder: Path, relative: str) -> Path:
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"The name {relative!r} leads out of {folder}.", "Rename the file in the store.")
    return path
