"""Bring files of a store into a local folder: only what is missing, resumed, each whole or not at all."""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from landbridge.domain.digests import short
from landbridge.domain.errors import BusyError, ConflictError
from landbridge.domain.requests import FileEntry, Snapshot
from landbridge.drivers.fsspec.digests import CHUNK_BYTES, DigestCache, stable_digest
from landbridge.drivers.fsspec.locations import Files, FileStat, LocalFiles

LOCK_SECONDS = 3600.0  # a transfer may be long, and whoever waits for it needs its result
LOCK_POLL_SECONDS = 0.05
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One snapshot on its way from `files` to `folder`. `parts` lie beside it, named by digest, and survive a crash."""

    files: Files
    snapshot: Snapshot
    folder: Path
    digests: DigestCache

    @property
    def parts(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.parts")

    def run(self, progress: Progress) -> int:
        """Make the folder equal to the snapshot; returns the bytes moved."""
        if self.folder.is_file():
            raise ConflictError(f"{self.folder} is a file, not a folder to copy into.", "Name a folder of its own.")
        self.parts.mkdir(parents=True, exist_ok=True)
        with exclusive(self.parts / "lock"):
            present = self._present()
            missing = [entry for entry in self.snapshot.files if present.get(entry.path) != entry.digest]
            for path in present.keys() - {entry.path for entry in self.snapshot.files}:
                (self.folder / path).unlink()
            self.folder.mkdir(parents=True, exist_ok=True)
            moved = sum(self._bring(entry, progress) for entry in missing)
            remove_empty_folders(self.folder)
        shutil.rmtree(self.parts, ignore_errors=True)
        return moved

    def _present(self) -> dict[str, str]:
        """What the folder holds now, by digest; files of another size are not read."""
        here = LocalFiles(str(self.folder))
        wanted = {entry.path: entry.size_bytes for entry in self.snapshot.files}
        return {
            path: self._digest(here, path, state) if wanted.get(path) == state.size_bytes else ""
            for path, state in here.listing("").items()
        }

    def _digest(self, here: LocalFiles, path: str, state: FileStat) -> str:
        return self.digests.digest(str(self.folder / path), state, lambda: stable_digest(here, path, state))[1]

    def _bring(self, entry: FileEntry, progress: Progress) -> int:
        source = source_path(self.snapshot, entry)
        part = self.parts / entry.digest.removeprefix("sha256:")
        moved, resumed = 0, part.exists()
        while True:
            came, digest = _download(self.files, source, part, progress)
            moved += came
            if digest == entry.digest:
                break
            part.unlink()
            if not resumed:
                raise ConflictError(
                    f"{source!r} has digest {short(digest)}, its snapshot says {short(entry.digest)}.",
                    "Take the snapshot again: the data changed.",
                )
            resumed = False  # the part may have been the bad one
        target = self.folder / entry.path
        _make_room(target)
        part.replace(target)
        return moved


def source_path(snapshot: Snapshot, entry: FileEntry) -> str:
    """Where the store keeps `entry`."""
    return snapshot.path if is_file(snapshot) else f"{snapshot.path}/{entry.path}".strip("/")


def is_file(snapshot: Snapshot) -> bool:
    """True when the snapshot's path is a file, not a folder: then its one entry has the path's own last name."""
    return len(snapshot.files) == 1 and snapshot.files[0].path == last_name(snapshot.path)


def last_name(path: str) -> str:
    """What a file at `path` is called."""
    return path.rpartition("/")[2]


@contextmanager
def exclusive(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file at `path`, which ends with its holder. The file may be deleted by one that held it.

    Raises:
        BusyError: another process held it all the time.
    """
    deadline = time.monotonic() + seconds
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as lock:
            if _locked(lock) and _is_still(lock, path):
                yield
                return
        if time.monotonic() > deadline:
            raise BusyError(f"Another process works in {path.parent}.", "Wait until it is done, then run again.")
        time.sleep(LOCK_POLL_SECONDS)


def remove_empty_folders(folder: Path) -> None:
    """Remove every folder below `folder` that holds nothing."""
    for root, _folders, _names in os.walk(folder, topdown=False):
        if Path(root) != folder and not any(Path(root).iterdir()):
            Path(root).rmdir()


def _locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(lock: IO[bytes], path: Path) -> bool:
    """False when the file was deleted after it was opened: then its lock keeps nobody out."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _download(files: Files, source: str, part: Path, progress: Progress) -> tuple[int, str]:
    """Append to `part` what it lacks; returns the bytes that came and the digest of the whole."""
    hasher, came = hashlib.sha256(), 0
    with part.open("a+b") as sink:
        sink.seek(0)
        while chunk := sink.read(CHUNK_BYTES):
            hasher.update(chunk)
        with _opened(files, source, sink.tell()) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                hasher.update(chunk)
                sink.write(chunk)
                came += len(chunk)
                progress(len(chunk))
    return came, f"sha256:{hasher.hexdigest()}"


def _opened(files: Files, source: str, offset: int) -> IO[bytes]:
    try:
        return files.open(source, offset)
    except FileNotFoundError as error:
        raise ConflictError(f"{source!r} is gone since its snapshot.", "Take the snapshot again.") from error


def _make_room(target: Path) -> None:
    """Make the folders above `target`, replacing a file that stands where a folder must be, and the other way round."""
    for parent in reversed(target.parents):
        if parent.is_file():
            parent.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
