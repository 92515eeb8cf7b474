"""What a deployment is made from, as assets of the workspace: the model, the scoring code, the environment.

Each has a name that follows from its content, so a second call, also after a kill, finds the first one. The model registry
(MLflow) stays the source of truth: the workspace's model carries its version, digest and lineage as tags.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landbridge.domain.digests import short
from landbridge.domain.errors import ConflictError, CorruptError, NotFoundError
from landbridge.domain.job import JobEnvironment
from landbridge.domain.requests import ColourSpec
from landbridge.drivers.azureml.assets import code_id, environment_id, upload
from landbridge.drivers.azureml.client import Workspace
from landbridge.drivers.azureml.serving_bodies import DIGEST, TAG_LENGTH, Assets, colour_tags
from landbridge.drivers.azureml.serving_findings import image_of
from landbridge.drivers.azureml.serving_reading import ONLINE, tag
from landbridge.drivers.trees import digest_folder
from landbridge.runner import azureml_entry, model_server

Object = dict[str, Any]

FILE = "file://"
ENTRY = "landbridge_entry.py"
NUMBER_DIGITS = 7  # of the digest, hexadecimal: the number stays below 2^31
OWN_DIGITS = 9


def ensure_assets(workspace: Workspace, spec: ColourSpec, store: str) -> Assets:
    """All that the colour is made from. Safe to repeat.

    Args:
        store: datastore for the model's files; "" = the default one.

    Raises:
        CorruptError: the model's files are not those that were ordered; nothing was registered.
    """
    model = model_id(workspace, spec, store)
    if spec.scoring is None:
        return Assets(model)
    image = image_of(spec)
    environment = JobEnvironment(reference=image) if image.startswith("azureml:") else JobEnvironment(image=image)
    with _with_entry(Path(_local(spec.scoring.folder))) as folder:
        return Assets(model, environment_id(workspace, environment), code_id(workspace, str(folder)), ENTRY)


def model_id(workspace: Workspace, spec: ColourSpec, store: str) -> str:
    """The identifier of the registered model, uploaded if the workspace does not have it."""
    if spec.model_digest and (known := _known(workspace, spec, spec.model_digest)):
        return known
    with _files(spec.model_url) as folder:
        digest = digest_folder(folder)
        if spec.model_digest and digest != spec.model_digest:
            raise CorruptError(
                f"DigestMismatch: {spec.model_url} has digest {short(digest)}, ordered was {short(spec.model_digest)}.",
                "Run the scenario again: it ships the model anew.",
            )
        return _known(workspace, spec, digest) or _register(workspace, spec, folder, store)


def _register(workspace: Workspace, spec: ColourSpec, folder: Path, store: str) -> str:
    digest, doing = digest_folder(folder), f"registering model {spec.model!r} in {workspace.place.label}"
    free = (path for path in _paths(spec, digest) if workspace.find(path, ONLINE, doing) is None)
    path = next(free, "")
    if not path:
        message = f"{workspace.place.label} holds other models under every name for {spec.model} {spec.version}."
        raise ConflictError(message, "Delete one of them there, or register under another name (model.name).")
    spot = upload(workspace, folder, store)
    body: Object = {
        "modelUri": f"azureml:/{workspace.place.id}/datastores/{spot.store}/paths/{spot.path.rstrip('/')}",
        "modelType": "custom_model" if spec.scoring else "mlflow_model",
        "tags": {**colour_tags(spec), DIGEST: digest[:TAG_LENGTH]},
        "isAnonymous": False,
    }
    return str(workspace.put(path, ONLINE, {"properties": body}, doing).body["id"])


def _known(workspace: Workspace, spec: ColourSpec, digest: str) -> str:
    """The registered model with these bytes, or ""."""
    doing = f"looking for model {spec.model!r} in {workspace.place.label}"
    found = (workspace.find(path, ONLINE, doing) for path in _paths(spec, digest))
    return next((str(item["id"]) for item in found if item and tag(item["properties"], DIGEST) == digest), "")


def _paths(spec: ColourSpec, digest: str) -> tuple[str, ...]:
    """Versions to try: the registry's own number, so that people find it, else one that follows from the content."""
    own = (spec.version,) if spec.version.isdecimal() and len(spec.version) <= OWN_DIGITS else ()
    numbers = (*own, str(int(short(digest, NUMBER_DIGITS), 16)))
    return tuple(f"models/{spec.model}/versions/{number}" for number in numbers)


@contextmanager
def _with_entry(folder: Path) -> Iterator[Path]:
    """The scoring code and, beside it, what checks the model before the script runs."""
    with tempfile.TemporaryDirectory(prefix="landbridge-score-") as scratch:
        whole = Path(scratch) / "code"
        shutil.copytree(folder, whole)
        for module, name in ((azureml_entry, ENTRY), (model_server, f"{azureml_entry.CHECKS}.py")):
            (whole / name).write_bytes(Path(str(module.__file__)).read_bytes())
        yield whole


@contextmanager
def _files(url: str) -> Iterator[Path]:
    """The model's files as a local folder."""
    if "://" not in url or url.startswith(FILE):
        folder = Path(_local(url))
        if not folder.is_dir():
            raise NotFoundError(f"There is no model in {folder}.", "Run the scenario again: it ships the model anew.")
        yield folder
        return
    from fsspec.core import url_to_fs

    with tempfile.TemporaryDirectory(prefix="landbridge-model-") as scratch:
        files, path = url_to_fs(url)
        folder = Path(scratch) / "model"
        files.get(f"{path.rstrip('/')}/", f"{folder}/", recursive=True)
        yield folder


def _local(url: str) -> str:
    return url.removeprefix(FILE)
