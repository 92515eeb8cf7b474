"""What a job or a deployment needs in the workspace before it is made: its code, its environment, files from this machine.

Each is named by the digest of its content, so it goes over once, and a submit that was broken off goes on where it was.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.digests import digest_tree, digest_value, short
from landbridge.domain.errors import ConflictError, NotFoundError, PermanentError
from landbridge.domain.job import NOT_CODE, JobEnvironment
from landbridge.domain.values import Json
from landbridge.drivers.azureml.blobs import Spot, datastore, default_store, from_sas
from landbridge.drivers.azureml.client import ASSETS, CODES, MODELS, Request, Workspace
from landbridge.drivers.faults import translated
from landbridge.drivers.trees import digest_file, files_of

ANONYMOUS = "CliV2AnonymousEnvironment"  # the name under which `az ml` keeps environments that have none
CURATED = "AzureML-"
FOLDER = "LocalUpload"  # where `az ml` puts what it uploads
DONE = ".landbridge-complete"  # beside an upload, once all of it is there
DIGEST_LETTERS = 32
VERSIONS = {"environments": ASSETS, "data": ASSETS, "models": MODELS}


@dataclass(frozen=True, slots=True)
class Upload:
    """Files of this machine by their path in the upload, and the digest of all."""

    files: Mapping[str, Path]
    digest: str

    @property
    def key(self) -> str:
        return short(self.digest, DIGEST_LETTERS)


def files_at(source: Path, leave_out: tuple[str, ...] = ()) -> Upload:
    """A folder, or one file.

    Raises:
        NotFoundError: nothing is there.
    """
    with translated(f"reading {source}"):
        found = {source.name: source} if source.is_file() else dict(_files(source, leave_out))
        if not found:
            raise NotFoundError(f"There is nothing at {source}.", "Correct the path.")
        return Upload(found, digest_tree((name, digest_file(path)) for name, path in sorted(found.items())))


def code_id(workspace: Workspace, code: str) -> str:
    """Ensure that the folder is a code asset of the workspace; returns its identifier. One that is there is not sent again."""
    upload = files_at(Path(code), NOT_CODE)
    name, doing = f"landbridge-code-{upload.key}", f"uploading the code {code}"
    version = f"codes/{name}/versions/1"
    if found := workspace.find(version, CODES, doing):
        return str(found["id"])
    order: Json = {"pendingUploadType": "TemporaryBlobReference"}
    place = workspace.ask(Request("POST", f"{version}/startPendingUpload", doing, CODES, order)).body
    reference = place["blobReferenceForConsumption"]
    from_sas(str(reference["credential"]["sasUri"])).upload(
        {f"src/{name}": path for name, path in upload.files.items()}
    )
    properties = {"hash_sha256": upload.digest.removeprefix("sha256:"), "hash_version": "202208"}
    body: Json = {
        "properties": {"codeUri": f"{reference['blobUri']}/src", "isAnonymous": True, "properties": {**properties}}
    }
    return _made(workspace, version, CODES, body, doing)


def environment_id(workspace: Workspace, environment: JobEnvironment, store: str = "") -> str:
    """What a job or deployment names: a reference as Azure resolves it, or the identifier of what was written inline.

    Args:
        store: datastore for a build folder; "" = the default one.

    Raises:
        NotFoundError: the workspace has no such environment.
    """
    if environment.reference:
        return _referenced(workspace, environment.reference)
    body = environment_body(environment, _context(workspace, environment, store))
    version = f"environments/{ANONYMOUS}/versions/{short(digest_value(body), DIGEST_LETTERS)}"
    doing = f"registering the environment {environment.label!r}"
    return _made(workspace, version, ASSETS, {"properties": body}, doing)


def environment_body(environment: JobEnvironment, context: str) -> dict[str, Json]:
    """The properties of an environment version. `context`: the address of its build folder, or "". Pure."""
    said = environment.options
    body: dict[str, Json] = {"isAnonymous": True}
    if environment.image:
        body["image"] = environment.image
    if context:
        body["build"] = {
            "contextUri": context,
            "dockerfilePath": environment.build.get("dockerfile_path") or "Dockerfile",
        }
    if environment.conda:
        body["condaFile"] = json.dumps(dict(environment.conda))  # JSON is YAML
    body |= {key: said[key] for key in ("description", "tags", "properties") if said.get(key)}
    if said.get("os_type"):
        body["osType"] = str(said["os_type"]).title()
    routes = said.get("inference_config")
    if isinstance(routes, dict):
        body["inferenceConfig"] = {_camel(name): route for name, route in routes.items()}
    return body


def upload(workspace: Workspace, source: Path, store: str = "") -> Spot:
    """Ensure that a folder or a file of this machine is in a datastore; one that is there whole is not sent again."""
    files = files_at(source)
    store = store or default_store(workspace)
    container = datastore(workspace, store)
    base = f"{FOLDER}/{files.key}"
    inner = source.name if source.is_dir() else ""  # of a file, the name is in the digest
    done = f"{base}/{inner}{DONE}"
    if not container.has(done):
        container.upload({"/".join(filter(None, (base, inner, name))): path for name, path in files.files.items()})
        container.write(done, files.digest.encode())
    return Spot(store, f"{base}/{source.name}{'/' if source.is_dir() else ''}")


def _made(workspace: Workspace, path: str, version: str, body: Json, doing: str) -> str:
    """Ensure the version of an asset, whose name is its content: whoever came first made the same."""
    try:
        return str(workspace.put(path, version, body, doing).body["id"])
    except (ConflictError, PermanentError):
        found = workspace.find(path, version, doing)
        if found is None:
            raise
        return str(found["id"])


def _referenced(workspace: Workspace, reference: str) -> str:
    """As `az ml` resolves an environment: Azure's own stay a name, those of the workspace become identifiers."""
    name = reference.removeprefix("azureml:")
    return f"azureml:{name}" if name.startswith(CURATED) else asset_id(workspace, "environments", reference)


def asset_id(workspace: Workspace, kind: str, reference: str) -> str:
    """What a job names for `azureml:NAME:VERSION`, `azureml:NAME@latest`, or an address that is one already.

    Args:
        kind: environments, data or models.

    Raises:
        NotFoundError: the workspace has no such asset.
    """
    name = reference.removeprefix("azureml:")
    if reference.startswith("azureml://") or name.startswith("/"):
        return reference if reference.startswith("azureml://") else name
    doing = f"looking for {reference!r}"
    if "@" in name:
        name, _, label = name.partition("@")
        return _latest(workspace, f"{kind}/{name}", label, doing)
    name, _, number = name.partition(":")
    return str(workspace.get(f"{kind}/{name}/versions/{number}", VERSIONS[kind], doing)["id"])


def _latest(workspace: Workspace, asset: str, label: str, doing: str) -> str:
    query = {"$orderBy": "createdtime desc", "$top": "1"}
    version = VERSIONS[asset.partition("/")[0]]
    found = workspace.items(f"{asset}/versions", version, doing, **query) if label == "latest" else iter(())
    newest = next(found, None)
    if newest is None:
        raise NotFoundError(f"The workspace has no {asset} with label {label!r}.", "Name a version of it.")
    return str(newest["id"])


def _context(workspace: Workspace, environment: JobEnvironment, store: str) -> str:
    """The address of the build folder, which is uploaded first where it is of this machine."""
    given = str(environment.build.get("path") or "")
    if not given or "://" in given:
        return given
    spot = upload(workspace, Path(given), str(environment.options.get("datastore") or store).removeprefix("azureml:"))
    return f"{datastore(workspace, spot.store).url}/{spot.path}"


def _files(source: Path, leave_out: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for name, path in files_of(source):
        if not set(name.split("/")) & set(leave_out):
            yield name, path


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
