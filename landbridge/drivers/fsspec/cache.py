"""A site's cache of data whose home is elsewhere: bytes once, however many snapshots share them.

    objects/<2 hex>/<sha256>   the content
    snapshots/<sha256>/        one folder per snapshot, hard links into objects; its modification time is its last use
    staging/<sha256>/          a transfer on its way; survives a crash, so the next one resumes
    pins/<sha256>.<token>      in use: locked by a living process, or held until the file's modification time
    lock, locks/               one writer at a time; one transfer per snapshot at a time

Without hard links a snapshot costs its bytes twice, and an object is kept only while it is new.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from landbridge.domain.digests import short
from landbridge.domain.errors import CapabilityMissingError, ConflictError, QuotaExceededError
from landbridge.domain.inventory import Datastore, Inventory, Site
from landbridge.domain.requests import Snapshot
from landbridge.drivers import data_store
from landbridge.drivers.faults import translated
from landbridge.drivers.fsspec.locations import LocalFiles, local_path
from landbridge.drivers.fsspec.objects import ObjectPool, discard, is_sealed
from landbridge.drivers.fsspec.transfer import exclusive, is_file

HOLD_SECONDS = 600.0  # long enough to submit the job that asked
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class CachedData:
    """Where the data is: a folder, or the file itself when the snapshot is of one. `moved_bytes` came just now."""

    path: str
    moved_bytes: int


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """What the cache holds, in bytes on disk; `limit_bytes` 0 = none."""

    size_bytes: int
    snapshots: int
    limit_bytes: int


def _quiet(_size_bytes: int) -> None:
    return None


class SiteCache:
    """The cache of one site; any number of processes may use it at once."""

    def __init__(self, site: Site, inventory: Inventory) -> None:
        folder = local_path(site.cache)
        if not folder:
            raise CapabilityMissingError(
                f"The cache of site {site.name!r}, {site.cache}, is not on this machine.",
                f"Give sites.{site.name}.cache a local folder, or run landbridge where it is.",
                inventory.path,
            )
        self._site = site
        self._inventory = inventory
        self._root = Path(folder)
        self._pool = ObjectPool(self._root / "objects")

    def ensure(
        self,
        store: Datastore,
        snapshot: Snapshot,
        progress: Callable[[int], None] = _quiet,
        hold_seconds: float = HOLD_SECONDS,
    ) -> CachedData:
        """Make `snapshot` readable at this site; only bytes that are not here move. Safe to repeat, resumes.

        Data at home on this machine is used where it is. `hold_seconds`: not evicted before.

        Raises:
            ConflictError: the data changed since the snapshot was taken.
            QuotaExceededError: it is larger than the whole cache.
            BusyError: another process brings the same data and does not come to an end.
        """
        home = local_path(store.url)
        if store.site == self._site.name and home:
            return self._in_place(store, snapshot, Path(home))
        self._require_room(snapshot)
        with translated(f"caching {snapshot.path!r} at site {self._site.name!r}"), self.pin(snapshot.digest):
            self._hold(snapshot.digest, hold_seconds)
            moved = 0 if self._is_complete(snapshot) else self._bring(store, snapshot, progress)
            os.utime(self._folder(snapshot.digest))
        return CachedData(str(self._visible(snapshot)), moved)

    def missing_bytes(self, snapshot: Snapshot) -> int:
        """What `ensure` would move of data that lives elsewhere. Changes nothing."""
        entries = {entry.digest: entry for entry in snapshot.files}.values()
        return sum(e.size_bytes for e in entries if not is_sealed(self._pool.path(e.digest), e))

    def usage(self) -> CacheUsage:
        """Measure the cache."""
        with translated(f"measuring the cache of site {self._site.name!r}"):
            return CacheUsage(self._pool.size_bytes(), len(self._by_last_use()), self._site.cache_max_bytes)

    @contextmanager
    def pin(self, digest: str) -> Iterator[None]:
        """Keep the snapshot with this digest from eviction while the block runs, or until this process dies."""
        with exclusive(self._root / "lock"):
            path = self._pin_path(digest, secrets.token_hex(8))
            path.touch()
            stream = path.open("rb")
            fcntl.flock(stream, fcntl.LOCK_SH)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            stream.close()

    def evict(self, limit_bytes: int) -> int:
        """Remove the snapshots used longest ago until at most `limit_bytes` are left; returns the bytes freed.

        What is in use stays, also when that leaves more.
        """
        with translated(f"clearing the cache of site {self._site.name!r}"), exclusive(self._root / "lock"):
            return self._evict(limit_bytes, frozenset())

    def _in_place(self, store: Datastore, snapshot: Snapshot, home: Path) -> CachedData:
        now = data_store(store, self._inventory).snapshot(snapshot.path)
        if now.digest != snapshot.digest:
            raise _changed(snapshot)
        return CachedData(str(home / snapshot.path), 0)

    def _require_room(self, snapshot: Snapshot) -> None:
        limit = self._site.cache_max_bytes
        if limit and snapshot.size_bytes > limit:
            raise QuotaExceededError(
                f"{snapshot.path!r} has {snapshot.size_bytes} bytes; the cache at {self._site.name!r} takes {limit}.",
                f"Raise sites.{self._site.name}.cache.max_size, or use less data.",
            )

    def _bring(self, store: Datastore, snapshot: Snapshot, progress: Callable[[int], None]) -> int:
        moved = 0
        with exclusive(self._root / "locks" / _hex(snapshot.digest)):
            for _ in range(ATTEMPTS):  # an eviction may take an object away between the question and the move
                moved += self._fetch(store, snapshot, progress)
                if self._commit(snapshot):
                    return moved
        raise _changed(snapshot)

    def _fetch(self, store: Datastore, snapshot: Snapshot, progress: Callable[[int], None]) -> int:
        """Bring the content that the pool lacks, each once, into the staging folder."""
        with exclusive(self._root / "lock"):
            wanted = {entry.digest: entry for entry in snapshot.files}
            missing = tuple(entry for entry in wanted.values() if not self._pool.has(entry))
            limit = self._site.cache_max_bytes
            if limit:
                needed = frozenset(wanted)
                self._evict(limit - sum(entry.size_bytes for entry in missing), needed)
        if not missing:
            return 0
        part = replace(snapshot, files=missing)
        return data_store(store, self._inventory).fetch(part, str(self._staging(snapshot)), progress)

    def _commit(self, snapshot: Snapshot) -> bool:
        """Move the staged files into the pool and show the snapshot; False when something is still missing."""
        staging = self._staging(snapshot)
        with exclusive(self._root / "lock"):
            for entry in snapshot.files:
                if (staging / entry.path).is_file():
                    self._pool.adopt(staging / entry.path, entry.digest)
            shutil.rmtree(staging, ignore_errors=True)
            if not all(self._pool.has(entry) for entry in snapshot.files):
                return False
            self._folder(snapshot.digest).parent.mkdir(parents=True, exist_ok=True)
            self._pool.build(snapshot, self._folder(snapshot.digest))
            return True

    def _is_complete(self, snapshot: Snapshot) -> bool:
        folder = self._folder(snapshot.digest)
        if not all(is_sealed(folder / entry.path, entry) for entry in snapshot.files):
            return False
        return len(LocalFiles(str(folder)).listing("")) == len(snapshot.files)

    def _evict(self, limit_bytes: int, needed: frozenset[str]) -> int:
        size, freed = self._pool.size_bytes(), 0
        for folder in self._by_last_use():
            if size - freed <= limit_bytes:
                break
            if not self._is_pinned(folder.name):
                discard(folder)
                freed += self._pool.sweep(needed)
        if size - freed > limit_bytes:
            freed += self._pool.sweep(needed)
        return freed

    def _by_last_use(self) -> list[Path]:
        folders = [path for path in (self._root / "snapshots").glob("*") if not path.name.startswith(".")]
        return sorted(folders, key=lambda path: path.stat().st_mtime)

    def _hold(self, digest: str, seconds: float) -> None:
        path = self._pin_path(digest, "hold")
        with exclusive(self._root / "lock"):
            before = path.stat().st_mtime if path.exists() else 0.0
            until = max(before, time.time() + seconds)
            path.touch()
            os.utime(path, (until, until))

    def _pin_path(self, digest: str, token: str) -> Path:
        path = self._root / "pins" / f"{_hex(digest)}.{token}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _is_pinned(self, name: str) -> bool:
        """Ask all its pins, and clear those that are over."""
        return any([_holds(pin) for pin in (self._root / "pins").glob(f"{name}.*")])

    def _visible(self, snapshot: Snapshot) -> Path:
        folder = self._folder(snapshot.digest)
        return folder / snapshot.files[0].path if is_file(snapshot) else folder

    def _folder(self, digest: str) -> Path:
        return self._root / "snapshots" / _hex(digest)

    def _staging(self, snapshot: Snapshot) -> Path:
        return self._root / "staging" / _hex(snapshot.digest)


def _holds(pin: Path) -> bool:
    try:
        with pin.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(stream.fileno()).st_mtime > time.time():
                return True
            pin.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _changed(snapshot: Snapshot) -> ConflictError:
    return ConflictError(
        f"{snapshot.path!r} is no longer the snapshot {short(snapshot.digest)}.", "Take the snapshot again."
    )
