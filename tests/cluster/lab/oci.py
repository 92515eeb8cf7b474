"""Container images without a registry and without a daemon: layers as plain tars, and an OCI archive of them."""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_MEDIA = "application/vnd.oci.image"
_EPOCH = 1_600_000_000
"""One time for every file: a layer's digest then tells its content and nothing else."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An uncompressed tar and its digest: nothing goes over a wire, so compressing would only cost time."""

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Layer":
        """Read the digest kept beside the tar, or compute it once."""
        beside = path.with_suffix(".sha256")
        if not beside.exists():
            with path.open("rb") as file:
                beside.write_text(hashlib.file_digest(file, "sha256").hexdigest())
        return cls(path, beside.read_text())


@dataclass(frozen=True, slots=True)
class Image:
    """A name, its layers from the bottom up, and what a container of it runs as."""

    name: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "65532:65532"

    def config(self) -> bytes:
        settings: dict[str, Any] = {
            "Env": [f"{name}={value}" for name, value in self.environment.items()],
            "User": self.user,
            "WorkingDir": "/",
        }
        if self.entrypoint:
            settings["Entrypoint"] = list(self.entrypoint)
        files = {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in self.layers]}
        return _json({"architecture": "amd64", "os": "linux", "config": settings, "rootfs": files})


def write_layer(target: Path, files: Iterable[tuple[str, Path]], folders: Iterable[tuple[str, int]] = ()) -> Layer:
    """Write a tar of files or whole folders, each under its path in the image, and of empty folders with a mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half_made = target.with_suffix(f".{os.getpid()}")
    with tarfile.open(half_made, "w") as tar:
        for name, mode in folders:
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, mode, _EPOCH
            tar.addfile(entry)
        for name, source in files:
            tar.add(source, name.lstrip("/"), filter=_anonymous)
    half_made.replace(target)
    return Layer.of(target)


def write_archive(out: IO[bytes], images: Iterable[Image], known: frozenset[str] = frozenset()) -> None:
    """Write an OCI archive of the images, each layer once.

    Args:
        known: digests of layers that the importing content store has already; they are named and left out.
    """
    manifests, written = [], set(known)
    with tarfile.open(fileobj=out, mode="w|") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        for image in images:
            config = image.config()
            manifest = _json(
                {
                    "schemaVersion": 2,
                    "mediaType": f"{_MEDIA}.manifest.v1+json",
                    "config": _described(f"{_MEDIA}.config.v1+json", config),
                    "layers": [_layer_described(layer) for layer in image.layers],
                }
            )
            for layer in image.layers:
                if layer.sha256 not in written:
                    written.add(layer.sha256)
                    tar.add(layer.path, f"blobs/sha256/{layer.sha256}", filter=_anonymous)
            for blob in (config, manifest):
                _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
            annotations = {"io.containerd.image.name": image.name}
            manifests.append({**_described(f"{_MEDIA}.manifest.v1+json", manifest), "annotations": annotations})
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))


def _described(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def _layer_described(layer: Layer) -> dict[str, Any]:
    digest, size = f"sha256:{layer.sha256}", layer.path.stat().st_size
    return {"mediaType": f"{_MEDIA}.layer.v1.tar", "digest": digest, "size": size}


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = _EPOCH
    return entry


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(data), _EPOCH
    tar.addfile(entry, io.BytesIO(data))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
