"""Model folders: what every registry driver does alike, so that digests can be compared across sites."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from landbridge.domain.digests import digest_tree, short
from landbridge.domain.errors import ConflictError, CorruptError, InputError, NotFoundError
from landbridge.domain.lineage import DIGEST, RUN_KEY
from landbridge.domain.requests import Candidate
from landbridge.domain.values import ModelVersion
from landbridge.drivers.faults import translated

ORIGIN_RUN = "landbridge.origin_run_id"  # tag: the training run, when another site's server keeps it


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below `folder` as (relative path with "/", path). Empty folders hold nothing to carry.

    Raises:
        InputError: a linked folder, whose content would otherwise be left out in silence.
    """
    for root, folders, names in os.walk(folder):
        for name in folders:
            if (Path(root) / name).is_symlink():
                raise InputError(f"{Path(root) / name} is a link to a folder.", "Put the files themselves there.")
        for name in names:
            path = Path(root) / name
            yield path.relative_to(folder).as_posix(), path


def digest_file(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def digest_folder(folder: Path) -> str:
    """The tree digest of a folder (`landbridge.domain.digests.digest_tree`)."""
    return digest_tree((name, digest_file(path)) for name, path in files_of(folder))


def digest_model(folder: str) -> str:
    """The digest of a model that asks to be kept.

    Raises:
        NotFoundError: no file is there.
    """
    if not any(True for _ in files_of(Path(folder))):
        raise NotFoundError(f"There is no model in {folder}.", "Let the job write its model to this output.")
    return digest_folder(Path(folder))


def version_tags(candidate: Candidate, run_id: str, digest: str) -> dict[str, str]:
    """What a version keeps beside the candidate's lineage. `run_id`: the run in this registry, maybe a stand-in."""
    tags = {**candidate.tags, RUN_KEY: candidate.run_key, DIGEST: digest}
    if candidate.run_id and candidate.run_id != run_id:
        tags[ORIGIN_RUN] = candidate.run_id
    return tags


def fill(destination: str, version: ModelVersion, download: Callable[[Path], None]) -> str:
    """Make `destination` hold the version's files: downloaded beside it, checked, and moved there whole.

    A version that landbridge did not register has no digest to check against.

    Raises:
        CorruptError: what came is not what was registered. `destination` is as before.
        ConflictError: `destination` holds something else.
    """
    target = Path(destination)
    with translated(f"writing the model to {destination}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if version.digest and target.is_dir() and digest_folder(target) == version.digest:
            return version.digest
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as beside:
            folder = Path(beside) / "model"
            folder.mkdir()
            download(folder)
            digest = _check(folder, version)
            _move(folder, target, digest)
            return digest


def _check(folder: Path, version: ModelVersion) -> str:
    digest = digest_folder(folder)
    if digest == (version.digest or digest):
        return digest
    raise CorruptError(
        f"The files of model {version.model!r} version {version.version} have digest {short(digest)}, "
        f"registered is {short(version.digest)}.",
        "Restore the files in the registry's store, or train and register again.",
    )


def _move(folder: Path, target: Path, digest: str) -> None:
    try:
        folder.rename(target)  # also over an empty folder
    except OSError as error:
        if target.is_dir() and digest_folder(target) == digest:
            return
        raise ConflictError(f"{target} holds something else.", "Name an empty folder.") from error


def exactly_one(version: str, alias: str, run_key: str) -> None:
    """Raises InputError unless a search names exactly one of the three."""
    if sum(map(bool, (version, alias, run_key))) != 1:
        raise InputError("A model version is found by one of version, alias and run key.", "Give exactly one of them.")
