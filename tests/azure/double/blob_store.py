"""The blobs of one storage account, in memory."""

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_serial = itertools.count(1)


@dataclass(slots=True)
class Blob:
    """One block blob."""

    data: bytes
    content_type: str = "application/octet-stream"
    content_md5: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    modified: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    def __post_init__(self) -> None:
        self.touch()

    def touch(self) -> None:
        """It is another version now."""
        self.modified = datetime.datetime.now(datetime.UTC)
        self.etag = f'"0x8D{next(_serial):013X}"'


@dataclass(slots=True)
class Container:
    """Blobs by name, and the blocks that no commit named yet."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    blocks: dict[tuple[str, str], bytes] = field(default_factory=dict)
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))


class BlobStore:
    """Containers by name; and folders, put in and taken out whole, as jobs and models need them."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}

    def make(self, container: str) -> Container:
        return self.containers.setdefault(container, Container())

    def names(self, container: str, prefix: str) -> list[str]:
        """Of blobs, sorted."""
        return sorted(name for name in self.make(container).blobs if name.startswith(prefix))

    def put(self, container: str, name: str, data: bytes) -> None:
        self.make(container).blobs[name] = Blob(data)

    def put_folder(self, container: str, prefix: str, folder: Path) -> int:
        """Returns how many files there were."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        for path in files:
            self.put(container, f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return len(files)

    def fetch(self, container: str, prefix: str, target: Path) -> Path:
        """Write a blob, or all that is under a prefix, below `target`; returns the file or the folder.

        Raises:
            FileNotFoundError: there is nothing of that name.
        """
        prefix = prefix.strip("/")
        target.mkdir(parents=True, exist_ok=True)
        if (blob := self.make(container).blobs.get(prefix)) is not None:
            path = target / prefix.rpartition("/")[2]
            path.write_bytes(blob.data)
            return path
        found = False
        for relative, blob in self._under(container, f"{prefix}/" if prefix else ""):
            path = target / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob.data)
            found = True
        if not found:
            raise FileNotFoundError(f"No blob under {container}/{prefix}.")
        return target

    def _under(self, container: str, prefix: str) -> Iterator[tuple[str, Blob]]:
        for name in self.names(container, prefix):
            blob = self.containers[container].blobs[name]
            if name != prefix and blob.metadata.get("hdi_isfolder") != "true":
                yield name[len(prefix) :], blob
