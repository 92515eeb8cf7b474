"""What a compute has and what is free, as far as Azure tells. One deadline for all of it; no answer in time is an answer too.

An AmlCompute is its machines: as many as it may grow to and the subscription's quotas allow, of one size, each for one job at
a time. Of a Kubernetes cluster the
workspace knows no nodes, and of serverless none are ours: the capacity that the inventory declares counts, less what jobs
of landbridge asked for; without one, nothing is measured.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Target
from landbridge.domain.values import Resources
from landbridge.drivers.azureml.client import JOBS, Object, Workspace
from landbridge.drivers.azureml.computes import (
    Compute,
    MachineSize,
    cores_left,
    machine_sizes,
    most_nodes,
    quotas,
    read_compute,
    running_nodes,
    working_nodes,
)
from landbridge.drivers.azureml.job_body import ASKED_TAG, TARGET_TAG, read_asked
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind
from landbridge.drivers.azureml.training_state import FINAL, status_of

DEADLINE_SECONDS = 5.0
MOST_JOBS = 200  # of the newest, in which those that run are looked for
MOST_NODES = 1000


def measure(workspace: Workspace, target: Target, options: AzureOptions, seconds: float = DEADLINE_SECONDS) -> Capacity:
    """Ask for all of it side by side. Never raises: what goes wrong is in `detail`."""
    pool, deadline = ThreadPoolExecutor(4), time.monotonic() + seconds
    questions: list[Callable[[], Any]] = [
        partial(read_compute, workspace, options),
        partial(_going, workspace, target.name),
    ]
    if options.compute_kind in {ComputeKind.AML, ComputeKind.ASK}:
        questions += [partial(_sizes, workspace), partial(quotas, workspace)]
    try:
        asked = [pool.submit(question) for question in questions]
        compute, going, *more = (one.result(timeout=max(0.0, deadline - time.monotonic())) for one in asked)
    except LandbridgeError as error:
        return Capacity(reachable=False, detail=str(error))
    except TimeoutError:
        return Capacity(reachable=False, detail=f"Azure did not answer within {seconds:g} s.")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if compute.problem:
        return Capacity(reachable=False, detail=compute.problem)
    return (
        _machines(compute, len(going), *more) if compute.kind is ComputeKind.AML else _declared(target, compute, going)
    )


def jobs_of(workspace: Workspace, target: str) -> Iterator[Object]:
    """Every job that landbridge submitted to `target`, the newest first."""
    query = {"listViewType": "ActiveOnly", "tag": TARGET_TAG}
    for job in workspace.items("jobs", JOBS, f"listing the jobs of target {target!r}", **query):
        if (job["properties"].get("tags") or {}).get(TARGET_TAG) == target:
            yield job


def _going(workspace: Workspace, target: str) -> list[Object]:
    return [job for job in islice(jobs_of(workspace, target), MOST_JOBS) if status_of(job) not in FINAL]


def _sizes(workspace: Workspace) -> Mapping[str, MachineSize]:
    """None for who may not read them: they belong to the subscription, not to the workspace."""
    with suppress(LandbridgeError):
        return machine_sizes(workspace)
    return {}


def _machines(compute: Compute, going: int, sizes: Mapping[str, MachineSize], usages: list[Object]) -> Capacity:
    """Nodes that Azure counts as working may lag behind the jobs that we know of, and the other way round."""
    size = sizes.get(str(compute.properties.get("vmSize") or "").lower())
    if size is None:
        return Capacity(detail=f"Azure does not tell what a machine of size {compute.properties.get('vmSize')} has.")
    count, name = min(most_nodes(compute), MOST_NODES), compute.id.rsplit("/", 1)[-1]
    busy = min(count, max(working_nodes(compute), going))
    left = cores_left(usages, size.family, compute.properties.get("vmPriority") == "LowPriority")
    more = MOST_NODES if left is None else left // max(1, size.resources.cpu_millicores // 1000)
    free = min(count - busy, max(0, running_nodes(compute) - busy) + more)
    nodes = tuple(
        NodeCapacity(f"{name}-{index}", size.resources, size.resources if index >= count - free else Resources())
        for index in range(count)
    )
    told = f"the quotas leave {left} vCPUs for machines of {size.family}" if free < count - busy else ""
    return Capacity(nodes, detail="; ".join(filter(None, (compute.complaint, told))))


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
