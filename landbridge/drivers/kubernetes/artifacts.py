"""The site's object store: what goes to pods and comes back, each content once, under its digest.

    <prefix>/blobs/<sha256>                  one file
    <prefix>/trees/<sha256>/manifest.json    a folder: path, size and digest of each file; written last
    <prefix>/trees/<sha256>/files/<path>
    <prefix>/jobs/<target>/<job>/…           what a job leaves: outputs, log

We reach it by fsspec with the options of the inventory; a pod reaches single objects of it over plain HTTPS, by URLs that
we sign and that end. A reader checks digests, so a damaged or half-written object is found where it is used.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from landbridge.domain.digests import digest_tree
from landbridge.domain.errors import CapabilityMissingError, CorruptError, InputError, NotFoundError
from landbridge.domain.requests import FileEntry
from landbridge.domain.values import Json
from landbridge.drivers.faults import translated
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.sending import Sending, progress
from landbridge.drivers.secrets import with_secrets
from landbridge.drivers.trees import digest_file, files_of

AZURE = ("abfs", "abfss", "az")


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder in the store. `prefix` + "/files/" + a file's path is that file's key."""

    digest: str
    prefix: str
    files: tuple[FileEntry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def key(self, file: FileEntry) -> str:
        return f"{self.prefix}/files/{file.path}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A URL that lets its holder read or write one object for a while, and the headers that belong to it."""

    url: str
    headers: Mapping[str, str]


class ArtifactStore:
    """Keys are paths below `url`. Raises only errors of `landbridge.domain.errors`."""

    def __init__(self, url: str, storage: Mapping[str, Json], pod_endpoint: str = "") -> None:
        self.url = url.rstrip("/")
        self._storage = storage
        self._pod_endpoint = pod_endpoint
        self._opened: dict[str, tuple[Any, str]] = {}

    def put_file(self, path: Path) -> str:
        """Ensure that the file is there; returns its key. One that is there is not sent again."""
        with translated(f"storing {path} in {self.url}"):
            key = f"blobs/{_hex(digest_file(path))}"
            if self.size(key) != path.stat().st_size:
                fs, root = self._ours()
                fs.put_file(str(path), f"{root}/{key}")
            return key

    def put_bytes(self, key: str, content: bytes) -> None:
        with translated(f"storing {key} in {self.url}"):
            fs, root = self._ours()
            fs.pipe_file(f"{root}/{key}", content)

    def put_tree(self, folder: Path, limit_seconds: float = math.inf) -> Tree:
        """Ensure that the folder (or a single file, as a folder of one) is there. Only missing files are sent.

        Raises:
            RefusedError: at the speed measured on the way, sending would take longer than `limit_seconds`.
        """
        with translated(f"storing {folder} in {self.url}"):
            found = [(folder.name, folder)] if folder.is_file() else list(files_of(folder))
            files = tuple(
                FileEntry(name, path.stat().st_size, digest_file(path))
                for name, path in sorted(found, key=lambda item: item[0])
            )
            digest = digest_tree((file.path, file.digest) for file in files)
            tree = Tree(digest, f"trees/{_hex(digest)}", files)
            manifest = f"{tree.prefix}/manifest.json"
            if self.size(manifest) is None:
                self._send(tree, dict(found), limit_seconds)
                self.put_bytes(manifest, _manifest(tree))
            return tree

    def tree(self, digest: str) -> Tree | None:
        """The folder with that digest, None when it is not there, or not yet whole."""
        prefix = f"trees/{_hex(digest)}"
        if self.size(f"{prefix}/manifest.json") is None:
            return None
        said = json.loads(self.read(f"{prefix}/manifest.json"))
        return Tree(
            digest, prefix, tuple(FileEntry(item["path"], item["size"], item["digest"]) for item in said["files"])
        )

    def fetch_file(self, key: str, destination: Path, digest: str = "") -> None:
        """Copy one object to `destination`, which appears whole or not at all. Raises NotFoundError, CorruptError."""
        with translated(f"reading {key} from {self.url}"):
            fs, root = self._ours()
            destination.parent.mkdir(parents=True, exist_ok=True)
            draft = destination.with_name(f".{destination.name}.part")
            fs.get_file(f"{root}/{key}", str(draft))
            if digest and digest_file(draft) != digest:
                draft.unlink()
                hint = "Delete it in the store, then run again."
                raise CorruptError(f"{self.url}/{key} is not what its digest says.", hint)
            draft.replace(destination)

    def read(self, key: str) -> bytes:
        """A small object. Raises NotFoundError."""
        with translated(f"reading {key} from {self.url}"):
            fs, root = self._ours()
            return bytes(fs.cat_file(f"{root}/{key}"))

    def size(self, key: str) -> int | None:
        """Size in bytes, or None when it is not there."""
        with translated(f"looking for {key} in {self.url}"):
            fs, root = self._ours()
            fs.invalidate_cache()
            try:
                return int(fs.info(f"{root}/{key}")["size"] or 0)
            except FileNotFoundError:
                return None

    def remove(self, key: str) -> None:
        """Remove an object or all below it. Silent when nothing is there."""
        with translated(f"removing {key} from {self.url}"):
            fs, root = self._ours()
            fs.invalidate_cache()
            if fs.exists(f"{root}/{key}"):
                fs.rm(f"{root}/{key}", recursive=True)

    def sign_get(self, key: str, seconds: int) -> Signed:
        """Let a pod read one object for `seconds`."""
        return self._sign(key, seconds, write=False)

    def sign_put(self, key: str, seconds: int) -> Signed:
        """Let a pod write one object for `seconds`."""
        return self._sign(key, seconds, write=True)

    def _sign(self, key: str, seconds: int, write: bool) -> Signed:
        with translated(f"signing a URL of {self.url}"):
            fs, root = self._theirs()
            try:
                return sign(fs, f"{root}/{key}", seconds, write)
            except NotImplementedError as error:
                hint = "Use an object store that signs URLs (s3://, abfs://, gs://) for `artifacts`."
                raise CapabilityMissingError(f"{self.url} cannot sign URLs for pods.", hint) from error

    def _send(self, tree: Tree, paths: Mapping[str, Path], limit_seconds: float) -> None:
        fs, root = self._ours()
        fs.invalidate_cache()
        present = _sizes(fs, f"{root}/{tree.prefix}/files")
        missing = [file for file in tree.files if present.get(file.path) != file.size_bytes]
        told = progress(Sending(sum(file.size_bytes for file in missing), limit_seconds))
        for file in missing:
            fs.put_file(str(paths[file.path]), f"{root}/{tree.key(file)}", callback=told)

    def _ours(self) -> tuple[Any, str]:
        return self._open("ours", {})

    def _theirs(self) -> tuple[Any, str]:
        """As pods see it: a signature covers the host, so a URL for pods is signed for their address."""
        return self._open("theirs", {"endpoint_url": self._pod_endpoint} if self._pod_endpoint else {})

    def _open(self, whose: str, more: Mapping[str, str]) -> tuple[Any, str]:
        if whose not in self._opened:
            from fsspec.core import url_to_fs

            fs, root = url_to_fs(self.url, **{**_signing(self.url, with_secrets(self._storage)), **more})
            self._opened[whose] = (fs, str(root).rstrip("/"))
        return self._opened[whose]


def fetch_tree(store: ArtifactStore, tree: Tree, destination: Path) -> None:
    """Fill the folder `destination`; every file is checked.

    Raises:
        CorruptError: a file is not what its digest says.
    """
    for file in tree.files:
        store.fetch_file(tree.key(file), destination / file.path, file.digest)


def artifact_store(options: KubernetesOptions, target: str) -> ArtifactStore:
    """The store of a target.

    Raises:
        InputError: the inventory names none.
    """
    if not options.artifacts:
        hint = f"Add `artifacts: s3://bucket/prefix` (the site's object store) under targets.{target}.options."
        raise InputError(f"Target {target!r} has no artifact store, by which code and data reach its pods.", hint)
    return ArtifactStore(options.artifacts, options.storage, options.storage_endpoint)


def sign(fs: Any, path: str, seconds: int, write: bool) -> Signed:
    """Sign with what the store's fsspec class offers; reading is common to all, writing is not."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    if any(name in AZURE for name in protocols):
        return _sign_azure(fs, path, seconds, write)
    if not write:
        return Signed(str(fs.sign(path, expiration=seconds)), {})
    if "s3" in protocols:
        return Signed(str(fs.sign(path, expiration=seconds, client_method="put_object")), {})
    if "gs" in protocols:
        return Signed(str(fs.sign(path, expiration=seconds, method="PUT")), {})
    raise NotImplementedError(f"{protocols[0]} signs no URL for writing")


def _sign_azure(fs: Any, path: str, seconds: int, write: bool) -> Signed:
    """adlfs signs for reading only, and only with an account key; without one a delegated key of our identity does."""
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas
    from fsspec.asyn import sync

    container, blob, _ = fs.split_path(path)
    now = datetime.now(tz=UTC)
    until = now + timedelta(seconds=seconds)
    key: dict[str, Any] = {"account_key": fs.account_key}
    if not fs.account_key:
        key = {"user_delegation_key": sync(fs.loop, fs.service_client.get_user_delegation_key, now, until)}
    permission = BlobSasPermissions(read=not write, create=write, write=write)
    token = generate_blob_sas(
        account_name=fs.account_name,
        container_name=container,
        blob_name=blob,
        permission=permission,
        expiry=until,
        **key,
    )
    url = f"{str(fs.service_client.url).rstrip('/')}/{container}/{blob}?{token}"
    return Signed(url, {"x-ms-blob-type": "BlockBlob"} if write else {})


def _signing(url: str, storage: Mapping[str, Any]) -> Mapping[str, Any]:
    """botocore signs URLs the old way where the region is us-east-1 or unknown, and stores of today refuse that."""
    if not url.startswith("s3"):
        return storage
    config = storage.get("config_kwargs")
    return {**storage, "config_kwargs": {"signature_version": "s3v4", **(config if isinstance(config, dict) else {})}}


def _manifest(tree: Tree) -> bytes:
    files = [{"path": file.path, "size": file.size_bytes, "digest": file.digest} for file in tree.files]
    return json.dumps({"digest": tree.digest, "files": files}).encode()


def _sizes(fs: Any, root: str) -> dict[str, int]:
    try:
        found = fs.find(root, detail=True)
    except FileNotFoundError:
        return {}
    return {name.removeprefix(root).strip("/"): int(info["size"] or 0) for name, info in found.items()}


def _hex(digest: str) -> str:
    """The digest without its kind, as a key."""
    kind, _, value = digest.partition(":")
    if kind != "sha256" or len(value) != hashlib.sha256().digest_size * 2:
        raise NotFoundError(f"{digest!r} names no content.", "Give a digest as landbridge writes them.")
    return value
