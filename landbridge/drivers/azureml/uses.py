"""What of a workspace stands on a cluster: its computes, and the jobs, endpoints and batch deployments on them."""

from collections.abc import Iterable, Iterator
from itertools import islice

from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.extension_state import Uses
from landbridge.drivers.azureml.client import JOBS, Object, Workspace
from landbridge.drivers.azureml.clusters import computes_on
from landbridge.drivers.azureml.training_state import FINAL, name_of, status_of

ENDPOINTS = "2023-04-01-preview"
BATCH = "2023-10-01"
MOST_JOBS = 1000  # of the newest, in which those that go on are looked for


def uses_of_cluster(workspace: Workspace, at: ClusterId) -> Uses:
    """Of computes on the cluster. Those of other workspaces are not seen."""
    found = [one for one in computes_on(workspace, at) if one["properties"].get("computeType") == "Kubernetes"]
    return uses_of(workspace, found)


def uses_of(workspace: Workspace, computes: Iterable[Object]) -> Uses:
    ids = {str(one["id"]).lower(): str(one["name"]) for one in computes}
    if not ids:
        return Uses()
    jobs = tuple(name_of(job) for job in _going(workspace) if _compute(job, "computeId") in ids)
    listing = f"listing the endpoints of {workspace.place.label}"
    online = workspace.items("onlineEndpoints", ENDPOINTS, listing)
    endpoints = tuple(str(one["name"]) for one in online if _compute(one, "compute") in ids)
    batch = tuple(name for name, compute in _batch(workspace) if compute in ids)
    return Uses(tuple(ids.values()), jobs, (*endpoints, *batch))


def _going(workspace: Workspace) -> Iterator[Object]:
    found = workspace.items("jobs", JOBS, f"listing the jobs of {workspace.place.label}", listViewType="ActiveOnly")
    return (job for job in islice(found, MOST_JOBS) if status_of(job) not in FINAL)


def _batch(workspace: Workspace) -> Iterator[tuple[str, str]]:
    doing = f"listing the batch endpoints of {workspace.place.label}"
    for endpoint in workspace.items("batchEndpoints", BATCH, doing):
        name = str(endpoint["name"])
        for one in workspace.items(f"batchEndpoints/{name}/deployments", BATCH, doing):
            yield f"{name}/{one['name']}", _compute(one, "compute")


def _compute(one: Object, key: str) -> str:
    return str(one["properties"].get(key) or "").lower()
