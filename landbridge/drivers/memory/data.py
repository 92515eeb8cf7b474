"""A data store without a store: the files stand in its options, and tests add some of their own.

    options:
      files: {"flights/2013-01.csv": "text"}

What `put` adds lives in this process only, by the store's URL. `faults.json` under the home fails single calls.
"""

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from landbridge.domain.digests import digest_bytes, digest_tree, short
from landbridge.domain.errors import ConflictError, InputError, NotFoundError
from landbridge.domain.inventory import Datastore, Inventory
from landbridge.domain.requests import FileEntry, Snapshot
from landbridge.drivers.faults import translated
from landbridge.drivers.memory.faults import FaultPlan

CHUNK_BYTES = 1 << 16
_ADDED: dict[str, dict[str, bytes | None]] = {}


class MemoryData:
    """DataStore."""

    def __init__(self, datastore: Datastore, inventory: Inventory) -> None:
        self._store = datastore
        self.faults = FaultPlan(Path(inventory.home) / "sites" / datastore.site / "memory-data" / datastore.name)

    def put(self, path: str, content: bytes | None) -> None:
        """Add or replace a file, or remove it (None)."""
        _ADDED.setdefault(self._store.url, {})[path] = content

    def snapshot(self, path: str) -> Snapshot:
        clean = _relative(path)
        with translated(f"reading {self.url(clean)}"):
            self.faults.meet("snapshot")
            found = self._below(clean)
            if not found:
                message = f"There is no file at {self.url(clean)}."
                raise NotFoundError(message, f"Add it to the options of data store {self._store.name!r}.")
        entries = tuple(FileEntry(name, len(found[name]), digest_bytes(found[name])) for name in sorted(found))
        return Snapshot(clean, digest_tree((entry.path, entry.digest) for entry in entries), entries)

    def fetch(self, snapshot: Snapshot, destination: str, progress: Callable[[int], None]) -> int:
        with translated(f"copying {self.url(snapshot.path)} to {destination}"):
            self.faults.meet("fetch")
            folder = Path(destination)
            folder.mkdir(parents=True, exist_ok=True)
            _keep_only(folder, {entry.path for entry in snapshot.files})
            found = self._below(snapshot.path)
            return sum(_bring(folder, entry, found.get(entry.path), progress) for entry in snapshot.files)

    def url(self, path: str) -> str:
        return f"{self._store.url.rstrip('/')}/{_relative(path)}".rstrip("/")

    def _below(self, path: str) -> dict[str, bytes]:
        files = self._files()
        if path in files:
            return {path.rpartition("/")[2]: files[path]}
        prefix = f"{path}/" if path else ""
        return {name.removeprefix(prefix): content for name, content in files.items() if name.startswith(prefix)}

    def _files(self) -> dict[str, bytes]:
        seeded = self._store.options.get("files") or {}
        if not isinstance(seeded, dict):
            raise InputError(f"The files of data store {self._store.name!r} are no mapping.", "Write path: text.")
        files = {name: str(text).encode() for name, text in seeded.items()}
        added = _ADDED.get(self._store.url, {})
        return {name: content for name, content in {**files, **added}.items() if content is not None}


def _relative(path: str) -> str:
    clean = path.strip("/")
    if ".." in clean.split("/"):
        raise InputError(f"The path {path!r} leads out of its data store.", "Write it without `..`.")
    return clean


def _keep_only(folder: Path, wanted: set[str]) -> None:
    """Remove every other file, and the folders that this empties."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif not path.is_dir() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()


def _bring(folder: Path, entry: FileEntry, content: bytes | None, progress: Callable[[int], None]) -> int:
    target = folder / entry.path
    if target.is_file() and f"sha256:{hashlib.sha256(target.read_bytes()).hexdigest()}" == entry.digest:
        return 0
    if content is None or digest_bytes(content) != entry.digest:
        message = f"{entry.path!r} is no longer {short(entry.digest)}, as its snapshot says."
        raise ConflictError(message, "Take the snapshot again: the data changed.")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with draft.open("wb") as sink:
        for start in range(0, len(content), CHUNK_BYTES):
            chunk = content[start : start + CHUNK_BYTES]
            sink.write(chunk)
            progress(len(chunk))
    draft.replace(target)
    return len(content)
