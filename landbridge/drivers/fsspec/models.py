"""A site's model store: verified copies of model versions, named by their content, over any fsspec protocol.

<site.models>/<model>/<version>-<digest>/…                 the model's files and nothing else
<site.models>/<model>/<version>-<digest>.json              the marker: written last, so a copy without it does not exist
<site.models>/<model>/<version>-<digest>-stripped/…        the same without rows, for a border
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from landbridge.domain.digests import digest_bytes, short
from landbridge.domain.errors import CapabilityMissingError, CorruptError
from landbridge.domain.inventory import Inventory, Site
from landbridge.domain.values import Json, ModelCopy, ModelVersion
from landbridge.drivers.faults import translated
from landbridge.drivers.fsspec.folders import Folders, folders_at
from landbridge.drivers.fsspec.strip import strip_model
from landbridge.drivers.trees import digest_folder, digest_model, files_of

__all__ = ["SiteModels", "strip_model"]

STRIPPED = "-stripped"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]")


class SiteModels:
    """The copies at one site. Any process sees what another shipped."""

    def __init__(self, site: Site, inventory: Inventory) -> None:
        self._site = site
        self._where = f"the model store of site {site.name!r}"
        with self._translated("opening"):
            self._folders = _open(site, inventory.path)

    def ship(self, version: ModelVersion, folder: str, strip: bool) -> ModelCopy:
        """Ensure a verified copy of `version`, whose files are in the local `folder`. A damaged copy is replaced.

        Args:
            strip: leave rows out (`landbridge.drivers.fsspec.strip`); `folder` itself is only read.

        Raises:
            CorruptError: `folder` does not hold the version, or what arrived is not what was sent.
        """
        with self._translated("writing to"):
            whole = digest_model(folder)
            if version.digest and whole != version.digest:
                raise CorruptError(
                    f"{folder} does not hold model {version.model!r} version {version.version}: its digest is "
                    f"{short(whole)}, registered is {short(version.digest)}.",
                    "Fetch the version from its registry again.",
                )
            version = replace(version, digest=whole)
            name = _name(version, strip)
            found = self._read(name, version)
            if found is not None and self._digest(found) == found.digest:
                return found
            return self._send(version, name, folder, strip)

    def find(self, version: ModelVersion, strip: bool = False) -> ModelCopy | None:
        """The copy of `version` here; reads the marker, not the files. With `strip` only a stripped one will do."""
        if not version.digest:  # landbridge did not register it: its number must do
            known = (version.model, version.version)
            copies = (copy for copy in self.copies() if not strip or copy.url.rstrip("/").endswith(STRIPPED))
            return next((copy for copy in copies if (copy.version.model, copy.version.version) == known), None)
        with self._translated("reading"):
            found = (self._read(_name(version, wanted), version) for wanted in ((True,) if strip else (False, True)))
            return next((copy for copy in found if copy is not None), None)

    def verify(self, copy: ModelCopy) -> None:
        """Read all of the copy's files.

        Raises:
            CorruptError: they are not what was shipped.
        """
        with self._translated("reading"):
            digest = self._digest(copy)
        if digest != copy.digest:
            raise CorruptError(
                f"The copy {copy.url} has digest {short(digest)}, shipped was {short(copy.digest)}.",
                "Run the scenario again: it ships the model anew.",
            )

    def local_path(self, copy: ModelCopy) -> str:
        """The copy's folder on this machine.

        Raises:
            CapabilityMissingError: the store is somewhere else.
        """
        found = self._folders.local(_relative(copy))
        if not found:
            raise CapabilityMissingError(
                f"{copy.url} is no folder of this machine.",
                f"Set sites.{self._site.name}.models to a file:// URL, or serve with a target that reads that store.",
            )
        return found

    def remove(self, copy: ModelCopy) -> None:
        """Delete the copy. Silent when it is gone."""
        with self._translated("deleting from"):
            self._folders.remove_file(f"{_relative(copy)}.json")
            self._folders.remove(_relative(copy))

    def copies(self) -> tuple[ModelCopy, ...]:
        """Every copy at this site, by name. Its version tells model, number and digest; the registry knows the rest."""
        with self._translated("reading"):
            found = [self._read(name.removesuffix(".json"), None) for name in self._folders.markers()]
        return tuple(copy for copy in found if copy is not None)

    def _send(self, version: ModelVersion, name: str, folder: str, strip: bool) -> ModelCopy:
        with _prepared(folder, strip) as (source, left_out):
            digest = digest_folder(source)
            size = sum(path.stat().st_size for _, path in files_of(source))
            self._folders.put(source, name)
        copy = ModelCopy(version, self._site.name, self._folders.url(name), digest, size, left_out)
        self.verify(copy)
        self._folders.write(f"{name}.json", json.dumps(_marker(copy)))
        return copy

    def _read(self, name: str, version: ModelVersion | None) -> ModelCopy | None:
        """The copy called `name`; None when its marker is missing or unreadable: then it can only be shipped again."""
        try:
            marker = json.loads(self._folders.read(f"{name}.json"))
            found = version or ModelVersion(marker["model"], marker["version"], marker["version_digest"], "")
            known = replace(found, digest=marker["version_digest"])
            url, left_out = self._folders.url(name), tuple(marker["stripped"])
            return ModelCopy(known, self._site.name, url, marker["digest"], marker["size_bytes"], left_out)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _digest(self, copy: ModelCopy) -> str:
        return self._folders.digest(_relative(copy))

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        with translated(f"{doing} {self._where}"):
            yield


def _open(site: Site, inventory: str) -> Folders:
    try:
        return folders_at(site.models)
    except (ImportError, ValueError) as error:
        raise CapabilityMissingError(
            f"The model store of site {site.name!r} cannot be opened: {error}.",
            "Install the package for its protocol (`pip install 'landbridge[azure]'` for Azure), or correct its URL.",
            inventory,
        ) from error


@contextmanager
def _prepared(folder: str, strip: bool) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """What is to be sent, and what is left out of it."""
    if not strip:
        yield Path(folder), ()
        return
    with tempfile.TemporaryDirectory(prefix="landbridge-strip-") as scratch:
        target = Path(scratch) / "model"
        yield target, strip_model(folder, str(target))


def _name(version: ModelVersion, strip: bool) -> str:
    suffix = STRIPPED if strip else ""
    return f"{_folder_name(version.model)}/{version.version}-{short(version.digest)}{suffix}"


def _folder_name(model: str) -> str:
    """The model's name if it is plain, else a plain one with a digest: nobody should have to unquote a URL."""
    if _PLAIN.fullmatch(model):
        return model
    return f"{_NOT_PLAIN.sub('_', model)}-{short(digest_bytes(model.encode()), 8)}"


def _relative(copy: ModelCopy) -> str:
    return "/".join(copy.url.rsplit("/", 2)[1:])


def _marker(copy: ModelCopy) -> dict[str, Json]:
    """No metrics, tags or run: at another site these may be more than was allowed out."""
    return {
        "model": copy.version.model,
        "version": copy.version.version,
        "version_digest": copy.version.digest,
        "digest": copy.digest,
        "size_bytes": copy.size_bytes,
        "stripped": list(copy.stripped),
    }
