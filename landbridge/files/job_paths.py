"""Paths in a job file: which are local, and where they point. A relative path starts at the file's own folder."""

import os
import re
from pathlib import Path

_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+:|git@|/subscriptions/")  # two letters at least: `C:` is a drive


def is_local(path: str) -> bool:
    """Whether `path` is on this machine: no URL, no `azureml:` reference, no git address."""
    return bool(path) and not _REMOTE.match(path)


def resolve(folder: Path, path: str) -> Path:
    """The absolute local path; `file:` in front is understood, `..` is folded without following links."""
    plain = path.removeprefix("file://") if path.startswith("file:///") else path.removeprefix("file:")
    return Path(os.path.normpath(folder / plain))


def absolute(folder: Path, path: str) -> str:
    """A local path made absolute; anything else as written."""
    return str(resolve(folder, path)) if is_local(path) else path
