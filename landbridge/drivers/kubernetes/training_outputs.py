"""Bring a job's outputs from the site's store to a local folder: once, checked, whole or not at all."""

import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from landbridge.domain.errors import CorruptError
from landbridge.drivers.faults import translated
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.training_submit import output_key

SINGLE = ".landbridge-file"  # a tar of ours with one entry of this name is a file, not a folder


def collect(
    store: ArtifactStore, folder: Path, keys: Mapping[str, Sequence[str]], digests: Mapping[str, str]
) -> dict[str, str]:
    """Output name → file:// URL below `folder`.

    Args:
        keys: output name → the archive of each instance. The first instance's files win.
        digests: key → digest, as far as the pods told.
    """
    with translated(f"fetching outputs to {folder}"):
        for name, archives in keys.items():
            if not (folder / name).exists():
                _fetch(store, folder / name, archives, digests)
    return {name: f"file://{folder / name}" for name in keys}


def archive_keys(target: str, job: str, outputs: Sequence[str], instances: int) -> dict[str, list[str]]:
    """Output name → key of each instance's archive."""
    return {name: [output_key(target, job, name, index) for index in range(instances)] for name in outputs}


def _fetch(store: ArtifactStore, destination: Path, archives: Sequence[str], digests: Mapping[str, str]) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}-") as beside:
        whole = Path(beside) / "whole"
        whole.mkdir()
        for key in reversed(archives):
            archive = Path(beside) / "archive.tar"
            store.fetch_file(key, archive, digests.get(key, ""))
            _unpack(archive, whole, key)
        single = whole / SINGLE
        try:
            (single if single.exists() else whole).rename(destination)
        except OSError:
            if not destination.exists():  # else another process was quicker
                raise
        shutil.rmtree(whole, ignore_errors=True)


def _unpack(archive: Path, folder: Path, key: str) -> None:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise CorruptError(f"The output {key} cannot be unpacked: {error}.", "Train again.") from error
