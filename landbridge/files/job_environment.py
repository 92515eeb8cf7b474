"""The environment of a command job: by reference, inline, or in a file of its own (`file:env.yml`)."""

from collections.abc import Mapping
from pathlib import Path

from landbridge.domain.digests import digest_bytes, digest_tree
from landbridge.domain.errors import InputError
from landbridge.domain.job import JobEnvironment
from landbridge.domain.values import Json
from landbridge.files.document import check, read, refuse
from landbridge.files.job_keys import EnvironmentKeys
from landbridge.files.job_paths import absolute, is_local, resolve
from landbridge.files.job_rules import environment_faults, given_keys

_OWN_FIELDS = frozenset({"image", "build", "conda_file", "$schema"})
MAX_BUILD_FILES = 10_000  # a build folder is sent to a builder as a whole; more is a mistake


def load_environment(keys: str | EnvironmentKeys, folder: Path) -> JobEnvironment:
    """Turn checked keys into the domain's value; reads the conda file and names the build folder's content.

    Raises:
        InputError: a file that it names is wrong, with file and line.
    """
    if isinstance(keys, EnvironmentKeys):
        return _inline(keys, folder)
    if not keys.startswith("file:"):
        return JobEnvironment(reference=keys)
    path = resolve(folder, keys)
    document = read(path)
    inner = check(EnvironmentKeys, document)
    if problems := tuple(environment_faults(inner, path.parent, ())):
        raise refuse(document, problems)
    return _inline(inner, path.parent)


def _inline(keys: EnvironmentKeys, folder: Path) -> JobEnvironment:
    local_build = keys.build is not None and is_local(keys.build.path)
    return JobEnvironment(
        image=keys.image,
        build=_build(keys, folder),
        conda=_conda(keys, folder),
        options={name: value for name, value in given_keys(keys).items() if name not in _OWN_FIELDS},
        build_digest=_digest(resolve(folder, keys.build.path)) if keys.build and local_build else "",
    )


def _build(keys: EnvironmentKeys, folder: Path) -> Mapping[str, Json]:
    if keys.build is None:
        return {}
    return {**given_keys(keys.build), "path": absolute(folder, keys.build.path)}


def _conda(keys: EnvironmentKeys, folder: Path) -> Mapping[str, Json]:
    if isinstance(keys.conda_file, str):
        return read(resolve(folder, keys.conda_file)).data
    return keys.conda_file or {}


def _digest(folder: Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if len(files) > MAX_BUILD_FILES:
        raise InputError(
            f"The build folder {folder} holds more than {MAX_BUILD_FILES} files.",
            "Name a folder that holds only the Dockerfile and what it copies.",
        )
    return digest_tree((path.relative_to(folder).as_posix(), digest_bytes(path.read_bytes())) for path in files)
