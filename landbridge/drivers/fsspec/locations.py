"""What a URL says without asking anybody, and the files behind it: system calls for local ones, fsspec for all others.

Local files do without fsspec because importing it costs more than reading them.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from landbridge.domain.errors import InputError, NotFoundError
from landbridge.domain.values import Json
from landbridge.drivers.secrets import with_secrets

STAMP_KEYS = ("etag", "ETag", "mtime", "LastModified", "last_modified", "updated", "created")


@dataclass(frozen=True, slots=True)
class FileStat:
    """`stamp` changes with the content; "" = the store does not tell. `modified_at`: Unix time, s, 0 = unknown."""

    size_bytes: int
    stamp: str
    modified_at: float = 0.0


class Files(Protocol):
    """The files below one URL. Raises the store's own errors; the port translates."""

    def listing(self, path: str) -> Mapping[str, FileStat]:
        """Every file at or below `path`, by path relative to it; a file itself has the key "". Empty: nothing there."""

    def stat(self, path: str) -> FileStat:
        """One file."""

    def open(self, path: str, offset: int) -> IO[bytes]:
        """One file, from byte `offset` on."""


def local_path(url: str) -> str:
    """The path on this machine that `url` means, or "" when it is elsewhere."""
    if "://" not in url:
        return str(Path(url).expanduser().absolute())
    scheme, _, path = url.partition("://")
    return path if scheme in {"file", "local"} and path.startswith("/") else ""


def files_at(url: str, options: Mapping[str, Json]) -> Files:
    """Choose how the files at `url` are read."""
    folder = local_path(url)
    return LocalFiles(folder) if folder else RemoteFiles(url, options)


def relative(path: str) -> str:
    """`path` without slashes at its ends.

    Raises:
        InputError: it leads out of its store.
    """
    clean = path.strip("/")
    if ".." in clean.split("/"):
        raise InputError(f"The path {path!r} leads out of its data store.", "Write it without `..`.")
    return clean


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Files of this machine. Links are followed; a link that closes a circle is an error."""

    folder: str

    def listing(self, path: str) -> Mapping[str, FileStat]:
        start = self._path(path)
        if start.is_file():
            return {"": self.stat(path)}
        return dict(_walk(start, "", frozenset())) if start.is_dir() else {}

    def stat(self, path: str) -> FileStat:
        return _stat_of(self._path(path).stat())

    def open(self, path: str, offset: int) -> IO[bytes]:
        stream = self._path(path).open("rb")
        stream.seek(offset)
        return stream

    def _path(self, path: str) -> Path:
        return Path(self.folder, path)


def _walk(folder: Path, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[tuple[str, FileStat]]:
    here = folder.stat()
    identity = (here.st_dev, here.st_ino)
    if identity in above:
        raise InputError(f"The link {folder} leads back to a folder above it.", "Remove the link.")
    with os.scandir(folder) as entries:
        for entry in entries:
            found = _followed(entry)
            if stat.S_ISDIR(found.st_mode):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/", above | {identity})
            elif stat.S_ISREG(found.st_mode):
                yield f"{prefix}{entry.name}", _stat_of(found)
            else:
                raise InputError(f"{entry.path} is neither a file nor a folder.", "Move it out of the data.")


def _followed(entry: "os.DirEntry[str]") -> os.stat_result:
    try:
        return entry.stat()
    except FileNotFoundError as error:
        raise NotFoundError(f"{entry.path} points to nothing.", "Mend or remove the link.") from error


def _stat_of(found: os.stat_result) -> FileStat:
    stamp = f"{found.st_ino}.{found.st_mtime_ns}.{found.st_ctime_ns}"
    return FileStat(found.st_size, stamp, max(found.st_mtime, found.st_ctime))


class RemoteFiles:
    """Files of any fsspec store."""

    def __init__(self, url: str, options: Mapping[str, Json]) -> None:
        from fsspec.core import url_to_fs

        self._fs, self._root = url_to_fs(url, **with_secrets(options))

    def listing(self, path: str) -> Mapping[str, FileStat]:
        self._fs.invalidate_cache()
        start = self._path(path)
        found = {name: info for name, info in self._fs.find(start, detail=True).items() if info["type"] == "file"}
        return {name.removeprefix(start).strip("/"): _remote_stat(info) for name, info in found.items()}

    def stat(self, path: str) -> FileStat:
        self._fs.invalidate_cache()
        return _remote_stat(self._fs.info(self._path(path)))

    def open(self, path: str, offset: int) -> IO[bytes]:
        stream: IO[bytes] = self._fs.open(self._path(path), "rb")
        stream.seek(offset)
        return stream

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/") if path else str(self._root)


def _remote_stat(info: Mapping[str, Any]) -> FileStat:
    stamp = next((f"{key}={info[key]}" for key in STAMP_KEYS if info.get(key)), "")
    return FileStat(int(info["size"] or 0), stamp)
