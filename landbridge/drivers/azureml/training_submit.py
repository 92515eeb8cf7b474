"""Make everything ready that a job needs in the workspace, then the job; safe to repeat at any point.

The job's name is the key: Azure ML starts a name once. What is made before is named by its content, so a submit that was
killed is taken up by the next one, which finds what is there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from landbridge.domain.errors import (
    CapabilityMissingError,
    ConflictError,
    InputError,
    NotFoundError,
    PermanentError,
    RefusedError,
)
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import JobEnvironment
from landbridge.domain.requests import TrainingJob
from landbridge.drivers.azureml.assets import asset_id, code_id, environment_id, upload
from landbridge.drivers.azureml.blobs import Spot, store_at
from landbridge.drivers.azureml.client import JOBS, NEW_JOBS, Workspace
from landbridge.drivers.azureml.computes import Compute, read_compute
from landbridge.drivers.azureml.job_body import Parts, job_body
from landbridge.drivers.azureml.options import AzureOptions

AZURE_PROTOCOLS = ("abfs", "abfss", "az", "wasbs")
PASSED_ON = ("https", "http", "azureml")  # addresses that Azure ML reads itself
_AT_ACCOUNT = re.compile(r"(?P<container>[^@/]+)@(?P<account>[^./]+)\.[^/]+")


@dataclass(frozen=True, slots=True)
class Site:
    """What submitting works with."""

    target: Target
    inventory: Inventory
    options: AzureOptions
    workspace: Workspace


def submit(job: TrainingJob, site: Site) -> None:
    """Ensure that the job exists."""
    doing, path = f"submitting job {job.name!r} to target {site.target.name!r}", f"jobs/{job.name}"
    if site.workspace.find(path, JOBS, doing) is not None:
        return
    compute = read_compute(site.workspace, site.options)
    if compute.problem:
        raise RefusedError(
            f"{doing[0].upper()}{doing[1:]}: {compute.problem}", "Mend the compute, or name another one."
        )
    body = job_body(job, make_parts(job, site, compute), site.target.name, site.options.instance_type)
    try:
        site.workspace.put(path, NEW_JOBS, body, doing)
    except (ConflictError, PermanentError):
        if site.workspace.find(path, JOBS, doing) is None:  # else somebody was quicker, with another body
            raise


def make_parts(job: TrainingJob, site: Site, compute: Compute) -> Parts:
    """Bring code, environment and data of this machine into the workspace."""
    return Parts(
        environment=environment_id(site.workspace, environment_of(job, site.target.name), site.options.datastore),
        code=code_id(site.workspace, job.code) if job.code else "",
        compute=compute.id,
        data=dict(_data(job, site)),
        kind=compute.kind,
    )


def environment_of(job: TrainingJob, target: str) -> JobEnvironment:
    """What the inventory says (an image, or `azureml:NAME:VERSION` in its place), else what the job itself says.

    Raises:
        CapabilityMissingError: it is a Python of this machine.
    """
    given = job.environment
    if given.image:
        is_name = given.image.startswith("azureml:")
        return JobEnvironment(reference=given.image) if is_name else JobEnvironment(image=given.image)
    if given.python:
        raise CapabilityMissingError(
            f"Environment {given.name!r} is a Python of this machine; target {target!r} runs images and environments.",
            "Map it to an `image:` for this target under `environments` in the inventory.",
        )
    return job.job.environment


def _data(job: TrainingJob, site: Site) -> Iterator[tuple[str, str]]:
    for name, value in job.inputs.items():
        given = job.job.inputs.get(name)
        if given is not None and given.is_data:
            yield name, address_of(value, given.type, site)


def address_of(value: str, kind: str, site: Site) -> str:
    """Where Azure ML reads an input: uploaded from this machine, where it is in a store that Azure ML knows, or an asset.

    Args:
        kind: of the input, such as uri_folder or mlflow_model.

    Raises:
        InputError: no store that Azure ML can read.
        NotFoundError: a local path where nothing is.
    """
    local = value.removeprefix("file://") if value.startswith("file://") else value
    scheme = urlsplit(local).scheme if "://" in local else ""
    if local.startswith("azureml:") and scheme != "azureml":
        return asset_id(site.workspace, "models" if kind.endswith("_model") else "data", local)
    if scheme in PASSED_ON:
        return value
    if scheme in AZURE_PROTOCOLS:
        return _in_azure(local, scheme, site)
    if scheme:
        raise InputError(
            f"Azure ML cannot read {value}.",
            "Keep the data in Azure storage (abfs://), or stage it at the site first.",
            site.inventory.path,
        )
    if not Path(local).exists():
        raise NotFoundError(f"There is no input {value}.", "Correct its path, or stage the data at this site first.")
    return upload(site.workspace, Path(local), site.options.datastore).uri


def _in_azure(url: str, scheme: str, site: Site) -> str:
    """As a path of the workspace's own datastore where it has one there, which brings its credentials; else as it is."""
    place, _, path = url.partition("://")[2].partition("/")
    if found := _AT_ACCOUNT.fullmatch(place):
        account, container = found["account"], found["container"]
    else:
        account, container = _account(url, site), place
    if store := store_at(site.workspace, account, container):
        return Spot(store, path).uri
    storage = site.workspace.place.names.storage
    service, kind = ("blob", "wasbs") if scheme in {"az", "wasbs"} else ("dfs", "abfss")
    return f"{kind}://{container}@{account}.{service}.{storage}/{path}"


def _account(url: str, site: Site) -> str:
    """The storage account of a URL that does not name it: its datastore's option does."""
    for store in site.inventory.datastores.values():
        if url.startswith(store.url.rstrip("/")) and store.options.get("account_name"):
            return str(store.options["account_name"])
    raise InputError(
        f"{url} does not say in which storage account it is.",
        "Write abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, or give the datastore `account_name`.",
        site.inventory.path,
    )
