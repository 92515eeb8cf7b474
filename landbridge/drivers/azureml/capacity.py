"""What a compute has and what is free, as far as Azure tells. One deadline for all of it; no answer in time is an answer too.

An AmlCompute is its machines: as many as it may grow to, of one size, each for one job at a time. Of a Kubernetes cluster the
workspace knows no nodes, and of serverless none are ours: the capacity that the inventory declares counts, less what jobs
of landbridge asked for; without one, nothing is measured.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Target
from landbridge.domain.values import Resources
from landbridge.drivers.azureml.client import JOBS, Object, Workspace
from landbridge.drivers.azureml.computes import Compute, machine_sizes, most_nodes, read_compute, working_nodes
from landbridge.drivers.azureml.job_body import ASKED_TAG, TARGET_TAG, read_asked
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind
from landbridge.drivers.azureml.training_state import FINAL, status_of

DEADLINE_SECONDS = 5.0
MOST_JOBS = 200  # of the newest, in which those that run are looked for
MOST_NODES = 1000


def measure(workspace: Workspace, target: Target, options: AzureOptions, seconds: float = DEADLINE_SECONDS) -> Capacity:
    """Ask for compute, sizes and jobs side by side. Never raises: what goes wrong is in `detail`."""
    pool = ThreadPoolExecutor(3)
    try:
        compute = pool.submit(read_compute, workspace, options)
        going = pool.submit(lambda: list(_going(workspace, target.name)))
        found = compute.result(timeout=seconds)
        if found.problem:
            return Capacity(reachable=False, detail=found.problem)
        if found.kind is ComputeKind.AML:
            return _machines(workspace, found, len(going.result(timeout=seconds)))
        return _declared(target, found, going.result(timeout=seconds))
    except LandbridgeError as error:
        return Capacity(reachable=False, detail=str(error))
    except TimeoutError:
        return Capacity(reachable=False, detail=f"Azure did not answer within {seconds:g} s.")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def jobs_of(workspace: Workspace, target: str) -> Iterator[Object]:
    """Every job that landbridge submitted to `target`, the newest first."""
    query = {"listViewType": "ActiveOnly", "tag": TARGET_TAG}
    for job in workspace.items("jobs", JOBS, f"listing the jobs of target {target!r}", **query):
        if (job["properties"].get("tags") or {}).get(TARGET_TAG) == target:
            yield job


def _going(workspace: Workspace, target: str) -> Iterator[Object]:
    for job in islice(jobs_of(workspace, target), MOST_JOBS):
        if status_of(job) not in FINAL:
            yield job


def _machines(workspace: Workspace, compute: Compute, going: int) -> Capacity:
    """Nodes that Azure counts as working may lag behind the jobs that we know of, and the other way round."""
    size = machine_sizes(workspace).get(str(compute.properties.get("vmSize") or "").lower())
    if size is None:
        return Capacity(detail=f"The region does not tell the size {compute.properties.get('vmSize')}.")
    count, name = min(most_nodes(compute), MOST_NODES), compute.id.rsplit("/", 1)[-1]
    busy = min(count, max(working_nodes(compute), going))
    nodes = tuple(
        NodeCapacity(f"{name}-{index}", size, Resources() if index < busy else size) for index in range(count)
    )
    return Capacity(nodes, detail=compute.complaint)


def _declared(target: Target, compute: Compute, going: list[Object]) -> Capacity:
    if target.capacity == Resources():
        return Capacity(detail=compute.complaint)
    used = sum((_asked(job) for job in going), Resources())
    return Capacity((NodeCapacity(target.name, target.capacity, target.capacity - used),), detail=compute.complaint)


def _asked(job: Object) -> Resources:
    properties = job["properties"]
    one = read_asked(str((properties.get("tags") or {}).get(ASKED_TAG) or ""))
    count = int((properties.get("resources") or {}).get("instanceCount") or 1)
    return Resources(one.cpu_millicores * count, one.memory_bytes * count, one.gpus * count)
