"""The data store: files at a site, over any fsspec protocol. The first snapshot of a file reads it once, all of it."""

from collections.abc import Callable, Iterable
from pathlib import Path

from landbridge.domain.digests import digest_tree
from landbridge.domain.errors import CapabilityMissingError, InputError, NotFoundError
from landbridge.domain.inventory import Datastore, Inventory
from landbridge.domain.requests import FileEntry, Snapshot
from landbridge.drivers.faults import translated
from landbridge.drivers.fsspec.digests import DigestCache, stable_digest
from landbridge.drivers.fsspec.locations import Files, FileStat, files_at, local_path, relative
from landbridge.drivers.fsspec.transfer import Transfer, last_name

__all__ = ["FsspecStore", "local_path"]


class FsspecStore:
    """DataStore. Digests are remembered under the inventory's home, at the store's site."""

    def __init__(self, datastore: Datastore, inventory: Inventory) -> None:
        self._store = datastore
        self._remembered = Path(inventory.home) / "sites" / datastore.site / "digests" / f"{datastore.name}.json"

    def snapshot(self, path: str) -> Snapshot:
        clean = relative(path)
        with translated(f"reading {self.url(clean)}"):
            files = self._files()
            listing = files.listing(clean)
            if not listing:
                raise NotFoundError(
                    f"There is no file at {self.url(clean)}.",
                    f"Put the data there, or correct the path in data store {self._store.name!r}.",
                )
            _require_one_meaning(clean, listing, self.url(clean))
            digests = DigestCache(self._remembered)
            entries = tuple(self._entry(files, digests, clean, item) for item in sorted(listing.items()))
            digests.save()
        return Snapshot(clean, digest_tree((entry.path, entry.digest) for entry in entries), entries)

    def fetch(self, snapshot: Snapshot, destination: str, progress: Callable[[int], None]) -> int:
        with translated(f"copying {self.url(snapshot.path)} to {destination}"):
            digests = DigestCache(self._remembered)
            moved = Transfer(self._files(), snapshot, Path(destination).absolute(), digests).run(progress)
            digests.save()
        return moved

    def url(self, path: str) -> str:
        folder = local_path(self._store.url)
        base = f"file://{folder}" if folder else self._store.url
        return f"{base.rstrip('/')}/{relative(path)}".rstrip("/")

    def _files(self) -> Files:
        try:
            return files_at(self._store.url, self._store.options)
        except (ImportError, ValueError) as error:
            raise CapabilityMissingError(
                f"Data store {self._store.name!r} cannot be opened: {error}.",
                "Install its protocol's package (for Azure `pip install 'landbridge[azure]'`), or correct its url.",
            ) from error

    def _entry(self, files: Files, digests: DigestCache, path: str, item: tuple[str, FileStat]) -> FileEntry:
        name, listed = item
        whole = f"{path}/{name}".strip("/")
        key = f"{self._store.url}|{whole}"
        found, digest = digests.digest(key, listed, lambda: stable_digest(files, whole, listed))
        return FileEntry(name or last_name(path), found.size_bytes, digest)


def _require_one_meaning(path: str, names: Iterable[str], where: str) -> None:
    """A snapshot whose one file has its path's last name is a file; so no folder may hold a file of its own name."""
    for name in names:
        if name == last_name(path):
            raise InputError(f"The folder {where} holds a file of its own name.", "Rename the folder or the file.")
        if not name and not path:
            raise InputError(f"The data store's url {where} is a file.", "Let it name the folder above.")
