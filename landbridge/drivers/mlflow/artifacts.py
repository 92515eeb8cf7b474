"""Move a folder to and from an artifact location.

The server's own proxy (`mlflow-artifacts:`, its default) is spoken to directly: nothing is imported, each site keeps
its own credentials, and a dead server is told at once. Others (`s3:`, `abfss:`, `file:` …) are MLflow's to reach.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from landbridge.domain.errors import CorruptError, PermanentError
from landbridge.drivers.faults import translated
from landbridge.drivers.mlflow.rest import Rest
from landbridge.drivers.trees import files_of

_PROXY = "/api/2.0/mlflow-artifacts/artifacts"
_SCHEME = "mlflow-artifacts"


def upload(rest: Rest, folder: Path, location: str) -> None:
    """Put every file of `folder` below `location`. Repeating it writes the same again."""
    if urlsplit(location).scheme != _SCHEME:
        _foreign(location, lambda store: store.log_artifacts(str(folder)))
        return
    root = _path_at_proxy(location)
    for name, path in files_of(folder):
        with path.open("rb") as content:
            rest.call("PUT", f"{_PROXY}/{quote(f'{root}/{name}')}", content=content)


def download(rest: Rest, location: str, folder: Path) -> None:
    """Get every file below `location` into the existing, empty `folder`."""
    if urlsplit(location).scheme != _SCHEME:
        _foreign(location, lambda store: store.download_artifacts("", str(folder)))
        return
    root = _path_at_proxy(location)
    for name in _names(rest, root):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with rest.stream("GET", f"{_PROXY}/{quote(f'{root}/{name}')}") as answer, target.open("wb") as file:
            for piece in answer.iter_bytes(1 << 20):
                file.write(piece)


def _names(rest: Rest, root: str) -> Iterator[str]:
    """The files below `root`, as relative paths; folders are walked, never trusted to stay inside."""
    folders = [""]
    while folders:
        folder = folders.pop()
        answer = rest.call("GET", _PROXY, params={"path": f"{root}/{folder}".rstrip("/")})
        for entry in answer.get("files", ()):
            name = str(PurePosixPath(folder, entry["path"]))
            if ".." in PurePosixPath(name).parts or PurePosixPath(entry["path"]).is_absolute():
                raise CorruptError(f"The server lists {entry['path']!r}, outside of {root!r}.", "Check the server.")
            if entry.get("is_dir"):
                folders.append(name)
            else:
                yield name


def _path_at_proxy(location: str) -> str:
    """The artifact path at the proxy. Another host in the location would get this one's credentials: refused."""
    parts = urlsplit(location)
    if parts.netloc:
        raise PermanentError(
            f"The artifacts at {location} are behind another server.",
            "Name that server as the registry's `uri`.",
        )
    return parts.path.strip("/")


def _foreign(location: str, work: Callable[[Any], object]) -> None:
    """Let MLflow reach a location of its own; the storage's SDK reads its credentials from the environment."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with translated(f"reaching the artifact store {location}"):
        work(get_artifact_repository(location))
