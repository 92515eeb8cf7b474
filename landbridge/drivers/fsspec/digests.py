"""Remember digests of files that have not changed, so that the second snapshot of a folder reads no content."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from landbridge.domain.errors import ConflictError
from landbridge.drivers.fsspec.locations import Files, FileStat

CHUNK_BYTES = 1 << 20
ATTEMPTS = 3
RACY_SECONDS = 0.05  # a file changed just now may change again within one tick of the file system's clock


class DigestCache:
    """Digests in one JSON file, keyed by place, size and stamp. Losing it, or a part of it, costs only time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._fresh: dict[str, list[str]] = {}

    def digest(self, key: str, found: FileStat, compute: Callable[[], tuple[FileStat, str]]) -> tuple[FileStat, str]:
        """The remembered digest of the file at `key` as `found`, else what `compute` says, remembered."""
        if found.stamp and self._known.get(key, [""])[0] == _state(found):
            return found, self._known[key][1]
        asked_at = time.time()
        found, digest = compute()
        if found.stamp and found.modified_at < asked_at - RACY_SECONDS:
            self._fresh[key] = [_state(found), digest]
        return found, digest

    def save(self) -> None:
        """Write what is new, beside what other processes wrote meanwhile."""
        if not self._fresh:
            return
        self._known = _read(self._path) | self._fresh
        self._fresh = {}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        draft.write_text(json.dumps(self._known), encoding="utf-8")
        os.replace(draft, self._path)  # noqa: PTH105 - the call that is atomic by its documentation


def _state(found: FileStat) -> str:
    return f"{found.size_bytes}.{found.stamp}"


def _read(path: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): [str(state), str(digest)] for key, (state, digest) in found.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):  # damaged: start anew
        return {}


def digest_stream(stream: IO[bytes]) -> str:
    """Read `stream` to its end."""
    hasher = hashlib.sha256()
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
    return f"sha256:{hasher.hexdigest()}"


def stable_digest(files: Files, path: str, found: FileStat) -> tuple[FileStat, str]:
    """Digest a file that nobody writes to meanwhile, and what it was then.

    Raises:
        ConflictError: it kept changing.
    """
    for _ in range(ATTEMPTS):
        with files.open(path, 0) as stream:
            digest = digest_stream(stream)
        after = files.stat(path)
        if (after.size_bytes, after.stamp) == (found.size_bytes, found.stamp):
            return found, digest
        found = after
    raise ConflictError(f"The file {path!r} changes while it is read.", "Try again when its writer is done.")
