"""Where data lies: from any address or identifier that Azure ML takes to a container and a path in the blob store."""

import re
import urllib.parse
from dataclasses import dataclass

from tests.azure.double.wire import ArmError, bad_request
from tests.azure.double.world import ARTIFACTS, World

_STORE = re.compile(
    r"azureml:/?/(?:subscriptions/.+?/)?datastores/(?P<store>[^/]+)(?:/paths)?/(?P<path>.*)", re.IGNORECASE
)
_JOB = re.compile(
    r"azureml://(?:subscriptions/.+?/)?jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths)?/?(?P<path>.*)"
)
_RUN = re.compile(r"runs:/+(?P<run>[^/]+)/(?P<path>.*)")
_ASSET = re.compile(r"(?:azureml:)?(?P<id>/subscriptions/.+/(?:models|data|codes)/[^/]+/versions/[^/]+)", re.IGNORECASE)
_BLOB = re.compile(r"(?:wasbs|abfss?)://(?P<container>[^@]+)@(?P<host>[^/]+)/(?P<path>.*)")
_ADDRESS = {"models": "modelUri", "data": "dataUri", "codes": "codeUri"}


@dataclass(frozen=True, slots=True)
class Location:
    """A blob, or a prefix of blobs."""

    container: str
    path: str

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]


def store_uri(datastore: str, path: str) -> str:
    return f"azureml://datastores/{datastore}/paths/{path}"


def run_folder(job: str) -> str:
    """Where a job's own folder lies in the artifact store."""
    return f"ExperimentRun/dcid.{job}"


def locate(world: World, uri: str) -> Location:
    """Raises ArmError when nothing of the workspace is meant."""
    if match := _STORE.fullmatch(uri):
        return Location(world.container(match["store"]), match["path"])
    if match := _JOB.fullmatch(uri):
        return _of_job(world, match["job"], match["output"], match["path"])
    if match := _RUN.fullmatch(uri):
        return Location(world.container(ARTIFACTS), f"{run_folder(match['run'])}/{match['path']}")
    if match := _ASSET.fullmatch(uri):
        asset = world.resources.get(match["id"])
        kind = match["id"].split("/")[-4].lower()
        return locate(world, asset["properties"][_ADDRESS[kind]])
    if match := _BLOB.fullmatch(uri):
        return _of_account(world, match["host"].partition(".")[0], match["container"], match["path"])
    parts = urllib.parse.urlsplit(uri)
    if parts.scheme == "https" and parts.netloc == world.places.blob_host:
        container, _, path = urllib.parse.unquote(parts.path).lstrip("/").partition("/")
        return Location(container, path)
    raise bad_request(f"The double cannot read {uri!r}: it plays one workspace and one storage account.")


def _of_job(world: World, job: str, output: str, path: str) -> Location:
    outputs = world.resources.get(world.ml("jobs", job))["properties"].get("outputs") or {}
    known = "default" if output == "artifacts" else output
    if not outputs.get(known, {}).get("uri"):
        raise ArmError(404, "UserError", f"The job {job} has no output {output}.")
    base = locate(world, outputs[known]["uri"])
    return Location(base.container, f"{base.path.rstrip('/')}/{path}" if path else base.path)


def _of_account(world: World, account: str, container: str, path: str) -> Location:
    if account != world.places.account:
        raise bad_request(f"The storage account {account!r} is not the workspace's.")
    return Location(container, path)
