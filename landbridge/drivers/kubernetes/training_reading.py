"""Jobs as they are, read for all who follow one in this process: its Job, its pods, and what says why it does not run."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from landbridge.drivers.kubernetes.cluster import EVENTS, JOBS, PODS, Cluster, Object, paced
from landbridge.drivers.kubernetes.job_manifest import JOB_LABEL
from landbridge.drivers.kubernetes.node_sizes import NodeSizes, Sizes
from landbridge.drivers.kubernetes.sharing import controllers_pace, selectors
from landbridge.drivers.kubernetes.training_state import Seen, needs_events, needs_nodes, reading
from landbridge.drivers.sharing import Shared

POD_LABEL = "batch.kubernetes.io/job-name"  # Kubernetes' own: what `overrides` do to our labels does not matter
TROUBLE = "type!=Normal,reason!=FailedScheduling"  # what the scheduler says stands in the pod as well
SCALES_UP = "reason=TriggeredScaleUp"


class JobReader:
    """Reads the jobs of one namespace."""

    def __init__(self) -> None:
        self._shared: Shared[Seen] = Shared()
        self._pace = controllers_pace()
        self._sizes = NodeSizes()

    def seen(self, cluster: Cluster, name: str) -> Seen | None:
        """The job as it is now, None when it is not there. May wait: first for others' reading, then for its turn."""
        return self._shared.of(name, lambda names: self._read(paced(cluster, self._pace.wait), names))

    def _read(self, cluster: Cluster, names: Sequence[str]) -> dict[str, Seen]:
        jobs = [job for part in selectors(JOB_LABEL, names) for job in cluster.items(JOBS, labels=part)]
        pods = _pods(cluster, [_name(job) for job in jobs])
        found = {job["metadata"]["labels"][JOB_LABEL]: Seen(job, pods[_name(job)]) for job in jobs}
        found |= _with_events(cluster, {name: seen for name, seen in found.items() if needs_events(seen)})
        waiting = {name: seen for name, seen in found.items() if needs_nodes(seen)}
        if not waiting:
            return found
        return found | self._sizes.judge(cluster, lambda sizes: _with_nodes(waiting, sizes), _ends_one)


def _pods(cluster: Cluster, jobs: Sequence[str]) -> dict[str, list[Object]]:
    """Job → its pods."""
    found = defaultdict(list)
    for part in selectors(POD_LABEL, jobs):
        for pod in cluster.items(PODS, labels=part):
            found[pod["metadata"]["labels"][POD_LABEL]].append(pod)
    return found


def _with_events(cluster: Cluster, jobs: dict[str, Seen]) -> dict[str, Seen]:
    """Events of a job's pods, or of itself when it has none yet. One list has those of all jobs."""
    if not jobs:
        return jobs
    events = cluster.items(EVENTS, fields=TROUBLE)
    if any(needs_nodes(seen) for seen in jobs.values()):
        events += cluster.items(EVENTS, fields=SCALES_UP)
    by_name = defaultdict(list)
    for event in events:
        by_name[event["involvedObject"].get("name")].append(event)
    return {
        name: replace(seen, events=[event for item in (seen.pods or [seen.job]) for event in by_name[_name(item)]])
        for name, seen in jobs.items()
    }


def _with_nodes(jobs: dict[str, Seen], sizes: Sizes) -> dict[str, Seen]:
    return {name: replace(seen, nodes=sizes) for name, seen in jobs.items()}


def _ends_one(jobs: dict[str, Seen]) -> bool:
    """Whether one of them is to be ended, by what was read."""
    return any((why := reading(seen).why) is not None and why.certain for seen in jobs.values())


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])
