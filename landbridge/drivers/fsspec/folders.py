"""Folders below one URL that appear and go as a whole: by a rename where there is one, else by their marker file."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from landbridge.domain.digests import digest_tree
from landbridge.drivers.fsspec.digests import digest_stream
from landbridge.drivers.fsspec.locations import local_path
from landbridge.drivers.trees import digest_folder, files_of


class Folders(Protocol):
    """Names are relative, with "/". Raises the store's own errors; the caller translates."""

    def put(self, source: Path, name: str) -> None:
        """Make folder `name` equal to the local folder `source`."""

    def digest(self, name: str) -> str:
        """Read all files of the folder and return their tree digest."""

    def remove(self, name: str) -> None:
        """Delete the folder, silently when it is gone."""

    def read(self, name: str) -> str:
        """One small file. FileNotFoundError when there is none."""

    def write(self, name: str, text: str) -> None:
        """One small file, whole or not at all."""

    def remove_file(self, name: str) -> None:
        """Delete one file, silently when it is gone."""

    def markers(self) -> Iterator[str]:
        """The names of the files `*/*.json`, sorted."""

    def url(self, name: str) -> str:
        """The fsspec URL of a folder."""

    def local(self, name: str) -> str:
        """The folder's path on this machine, or ""."""


def folders_at(url: str) -> Folders:
    """Choose how the folders at `url` are kept."""
    here = local_path(url)
    return LocalFolders(Path(here)) if here else RemoteFolders(url)


class LocalFolders:
    """On this machine, without fsspec: importing it costs more than writing a small model."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path, name: str) -> None:
        target = self._root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".incoming-") as beside:
            whole = Path(beside) / "new"
            for path, file in files_of(source):
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, whole / path)
            if target.is_dir() and digest_folder(target) == digest_folder(whole):
                return  # somebody else was faster; a server may be reading it
            with suppress(FileNotFoundError):
                target.rename(Path(beside) / "old")
            whole.rename(target)

    def digest(self, name: str) -> str:
        return digest_folder(self._root / name)

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError), tempfile.TemporaryDirectory(dir=self._root, prefix=".leaving-") as aside:
            (self._root / name).rename(Path(aside) / "old")

    def read(self, name: str) -> str:
        return (self._root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        target = self._root / name
        with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=".new-", delete=False) as draft:
            draft.write(text)
        os.replace(draft.name, target)  # noqa: PTH105 - the call that is atomic by its documentation

    def remove_file(self, name: str) -> None:
        (self._root / name).unlink(missing_ok=True)

    def markers(self) -> Iterator[str]:
        yield from sorted(path.relative_to(self._root).as_posix() for path in self._root.glob("[!.]*/[!.]*.json"))

    def url(self, name: str) -> str:
        return f"file://{self._root / name}"

    def local(self, name: str) -> str:
        return str(self._root / name)


class RemoteFolders:
    """In any fsspec store. It has no rename, so a folder counts only once its marker is there."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self._url = url.rstrip("/")
        self._fs, root = url_to_fs(self._url)
        self._root = str(root).rstrip("/")

    def put(self, source: Path, name: str) -> None:
        sent = set()
        for path, file in files_of(source):
            place = self._path(f"{name}/{path}")
            self._fs.makedirs(place.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(file), place)
            sent.add(path)
        for path in set(self._files(name)) - sent:  # of an earlier, broken copy
            self._fs.rm_file(self._path(f"{name}/{path}"))

    def digest(self, name: str) -> str:
        return digest_tree((path, self._digest(full)) for path, full in self._files(name).items())

    def remove(self, name: str) -> None:
        for full in self._files(name).values():
            with suppress(FileNotFoundError):
                self._fs.rm_file(full)
        with suppress(FileNotFoundError):  # stores with real folders keep the empty one
            self._fs.rm(self._path(name), recursive=True)

    def read(self, name: str) -> str:
        text: bytes = self._fs.cat_file(self._path(name))
        return text.decode()

    def write(self, name: str, text: str) -> None:
        self._fs.pipe_file(self._path(name), text.encode())

    def remove_file(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def markers(self) -> Iterator[str]:
        self._fs.invalidate_cache()
        prefix = len(self._path("").rstrip("/")) + 1
        yield from sorted(str(path)[prefix:] for path in self._fs.glob(self._path("*/*.json")))

    def url(self, name: str) -> str:
        return f"{self._url}/{name}"

    def local(self, name: str) -> str:  # noqa: ARG002 - nothing in it is on this machine
        return ""

    def _files(self, name: str) -> dict[str, str]:
        """Relative path → full path of every file of the folder."""
        self._fs.invalidate_cache()
        start = self._path(name)
        try:
            found: list[Any] = self._fs.find(start)
        except FileNotFoundError:
            return {}
        return {str(full).removeprefix(start).strip("/"): str(full) for full in found}

    def _digest(self, full: str) -> str:
        with self._fs.open(full, "rb") as stream:
            return digest_stream(stream)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
