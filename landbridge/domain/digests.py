"""Content digests. Pure: bytes come in, names go out."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from landbridge.domain.values import Json


def digest_bytes(content: bytes) -> str:
    """Name `content` for ever: `sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def digest_tree(files: Iterable[tuple[str, str]]) -> str:
    """Name a folder by its (relative path, content digest) pairs, in whatever order they come."""
    lines = sorted(f"{path}\0{digest}\n" for path, digest in files)
    return digest_bytes("".join(lines).encode())


def digest_value(value: Json | Mapping[str, Json]) -> str:
    """Name a JSON value; key order does not matter."""
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def short(digest: str, length: int = 12) -> str:
    """The part of a digest that goes into names and tables."""
    return digest.removeprefix("sha256:")[:length]
