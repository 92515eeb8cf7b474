"""A pool of files named by their content, shared by every snapshot of a cache through hard links."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.requests import FileEntry, Snapshot
from landbridge.drivers.fsspec.digests import digest_stream

SEALED_AT = 946_684_800  # 1 January 2000: an object with another modification time was written to since
SEALED_MODE = 0o444
NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP})


@dataclass(frozen=True, slots=True)
class ObjectPool:
    """Callers hold the cache's lock while they change anything here."""

    folder: Path

    def path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.folder / name[:2] / name

    def has(self, entry: FileEntry) -> bool:
        """True when the content is here and sound. One that was written to is read again, and dropped if it changed."""
        path = self.path(entry.digest)
        if is_sealed(path, entry):
            return True
        if not path.exists():
            return False
        with path.open("rb") as stream:
            sound = digest_stream(stream) == entry.digest
        if sound:
            seal(path)
        else:
            path.unlink()
        return sound

    def adopt(self, file: Path, digest: str) -> None:
        """Move a checked file in."""
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        seal(file)
        file.replace(path)

    def build(self, snapshot: Snapshot, folder: Path) -> None:
        """Make `folder` appear with all the snapshot's files; replaces what was there."""
        draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        for entry in snapshot.files:
            target = draft / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            link(self.path(entry.digest), target)
        discard(folder)
        draft.rename(folder)

    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._paths())

    def sweep(self, needed: frozenset[str] = frozenset()) -> int:
        """Delete what no snapshot holds, but for the digests `needed`; returns the bytes freed."""
        freed = 0
        keep = {self.path(digest) for digest in needed}
        for path in self._paths():
            found = path.stat()
            if found.st_nlink == 1 and path not in keep:
                path.unlink()
                freed += found.st_size
        return freed

    def _paths(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("??/*") if path.is_file())


def is_sealed(path: Path, entry: FileEntry) -> bool:
    """True when the file is as it was put there, judged by size and time."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return found.st_size == entry.size_bytes and found.st_mtime == SEALED_AT


def seal(path: Path) -> None:
    """Mark as unchanged and make it hard to change by mistake."""
    path.chmod(SEALED_MODE)
    os.utime(path, (SEALED_AT, SEALED_AT))


def link(source: Path, target: Path) -> None:
    """One more name for the same bytes; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copy2(source, target)


def discard(folder: Path) -> None:
    """Take a folder away at once, then delete it."""
    trash = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        folder.rename(trash)
    except FileNotFoundError:
        return
    shutil.rmtree(trash)
