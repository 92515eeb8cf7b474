"""What a colour brings along: the programs of its pods, its scoring code, and its model in the site's object store."""

import gzip
import io
import os
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from landbridge.domain.inventory import Target
from landbridge.domain.requests import ColourSpec
from landbridge.domain.values import Json
from landbridge.drivers.faults import translated
from landbridge.drivers.kubernetes.artifacts import artifact_store
from landbridge.drivers.kubernetes.colour_manifests import ARCHIVE, START_SECONDS
from landbridge.drivers.kubernetes.colours import Order
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.serving_findings import image_of
from landbridge.drivers.secrets import SECRET
from landbridge.drivers.trees import files_of
from landbridge.runner import model_server, pod_serve

ARCHIVE_BYTES = 700_000  # a ConfigMap takes 1 MiB in all
_FILE = "file://"


def make_order(spec: ColourSpec, generation: str, target: Target, options: KubernetesOptions) -> Order:
    """Bring the colour's files to where its pods find them, and tell the pods where that is. Safe to repeat.

    Raises:
        InputError: files are local and the target has no artifact store.
        RefusedError: the link to the store is too slow for a model of this size.
        NotFoundError: the model or the scoring code is not there.
    """
    scoring, archive = _scoring(spec, target, options)
    return Order(
        spec=spec,
        generation=generation,
        image=image_of(spec, options),
        model_url=_in_store(spec.model_url, target, options),
        storage=pod_storage(options),
        programs=programs(),
        scoring=scoring,
        archive=archive,
    )


@lru_cache(maxsize=1)
def programs() -> Mapping[str, str]:
    """File name → text of what runs in a serving pod."""
    files = [Path(os.path.abspath(str(module.__file__))) for module in (model_server, pod_serve)]  # noqa: PTH100
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def pod_storage(options: KubernetesOptions) -> dict[str, Json]:
    """How pods open the store: as we do, but by their address, and with their own credentials instead of ours."""
    ours = {key: value for key, value in options.storage.items() if SECRET not in repr(value)}
    return {**ours, **({"endpoint_url": options.storage_endpoint} if options.storage_endpoint else {})}


def packed(folder: Path) -> bytes:
    """A tar.gz of the folder; the same content gives the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for name, path in sorted(files_of(folder)):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as stream:
                archive.addfile(entry, stream)
    return buffer.getvalue()


def _in_store(url: str, target: Target, options: KubernetesOptions) -> str:
    """A local folder goes to the site's store under its digest; anything else is where pods can read it already."""
    if "://" in url and not url.startswith(_FILE):
        return url
    store = artifact_store(options, target.name)
    tree = store.put_tree(Path(url.removeprefix(_FILE)), START_SECONDS)
    return f"{store.url}/{tree.prefix}/files"


def _scoring(spec: ColourSpec, target: Target, options: KubernetesOptions) -> tuple[dict[str, Json] | None, bytes]:
    if spec.scoring is None:
        return None, b""
    folder = Path(spec.scoring.folder.removeprefix(_FILE))
    with translated(f"packing the scoring code {folder}"):
        archive = packed(folder)
    if len(archive) <= ARCHIVE_BYTES:
        return {"archive": ARCHIVE, "digest": spec.scoring.digest}, archive
    return {"url": _in_store(str(folder), target, options), "digest": spec.scoring.digest}, b""
