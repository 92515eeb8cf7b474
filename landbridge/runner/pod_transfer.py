"""Bring files into a pod and out of it, over plain HTTPS with signed URLs. Standard library only, Python 3.9 or newer.

A transfer that breaks goes on where it stopped; every file with a known digest is checked and appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict  # noqa: UP035 - an alias is evaluated, also on an older Python

Described = Dict[str, Any]  # noqa: UP006 - a file ({path, size, digest, url, headers}) or a signed URL ({url, headers})

TRIES = 8
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
TIMEOUT_SECONDS = 60.0
CHUNK = 1 << 20
WORKERS = 4
NEVER_HEALS = frozenset({400, 401, 403, 404, 405, 411, 413})


class TransferError(Exception):
    """Told to people; never holds a URL, because its query is a right."""


def fetch_all(files: list[Described], root: str) -> None:
    """Bring every file of `files` ({path, size, digest, url, headers}) below `root`."""
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in pool.map(lambda file: fetch(file, os.path.join(root, file["path"])), files):
            continue


def fetch(file: Described, destination: str) -> None:
    """Bring one file. `size` None and `digest` "" = unknown, not checked."""
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    draft = f"{destination}.part"
    _again(lambda: _fetch_rest(file, draft), f"fetching {file['path']}")
    os.replace(draft, destination)


def _fetch_rest(file: Described, draft: str) -> None:
    """Append what is missing of `draft`; a draft that turns out wrong is thrown away, so the next try starts anew."""
    size, have = file.get("size"), _size(draft)
    if size is None or have > size:
        _forget(draft)
        have = 0
    if size is None or have < size or size == 0:
        _append(file, draft, have)
    if size is not None and _size(draft) != size:
        raise OSError(f"{_size(draft)} of {size} bytes came")  # broken off: the next try asks for the rest
    if file.get("digest") and digest_of(draft) != file["digest"]:
        _forget(draft)
        raise OSError("what came is not what its digest says")


def _append(file: Described, draft: str, have: int) -> None:
    headers = dict(file.get("headers") or {})
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(file["url"], headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        whole = answer.status != 206  # it does not know ranges, or we asked for none
        with open(draft, "wb" if whole else "ab") as stream:
            shutil.copyfileobj(answer, stream, CHUNK)


def put(signed: Described, path: str, what: str) -> None:
    """Send the file at `path` to a signed URL ({url, headers})."""
    _again(lambda: _put(signed, path), f"storing {what}")


def _put(signed: Described, path: str) -> None:
    with open(path, "rb") as stream:
        headers = {**(signed.get("headers") or {}), "Content-Length": str(os.path.getsize(path))}
        headers.setdefault("Content-Type", "application/octet-stream")
        request = urllib.request.Request(signed["url"], data=stream, headers=headers, method="PUT")
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read()


def pack(source: str, archive: str) -> None:
    """Write `source`, a folder's content or a single file, as a tar. Links are followed: a link would lead nowhere."""
    with tarfile.open(archive, "w", dereference=True) as tar:
        if os.path.isdir(source):
            for name in sorted(os.listdir(source)):
                tar.add(os.path.join(source, name), name)
        elif os.path.exists(source):
            tar.add(source, ".landbridge-file")


def unpack(archive: str, folder: str) -> None:
    """Place the files of a tar of ours below `folder`."""
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(folder, filter="data")
        else:  # an older Python; the archive was made by us and its digest was checked
            tar.extractall(folder)  # noqa: S202


def digest_of(path: str) -> str:
    sha = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(CHUNK):
            sha.update(chunk)
    return f"sha256:{sha.hexdigest()}"


def _again(act: Callable[[], None], doing: str) -> None:
    """Try, with growing pauses, as long as the world may heal."""
    pause = FIRST_PAUSE_SECONDS
    for number in range(1, TRIES + 1):
        try:
            act()
            return
        except urllib.error.HTTPError as error:
            if error.code == 416:  # the draft is longer than the file: start anew
                raise TransferError(f"{doing} failed: the store has less than was announced") from error
            if error.code in NEVER_HEALS or number == TRIES:
                raise TransferError(f"{doing} failed: the store answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            if number == TRIES or getattr(error, "errno", None) in (28, 122):  # ENOSPC, EDQUOT
                raise TransferError(f"{doing} failed: {_words(error)}") from error
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _words(error: BaseException) -> str:
    reason = getattr(error, "reason", None)  # URLError wraps what happened
    return str(reason or error)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def _forget(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
