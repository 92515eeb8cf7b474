"""From the moment a cluster says that a job cannot run to the moment its job is made on the other cluster.

Both moments are read from the API servers as they happen: Kubernetes' own stamps count whole seconds. The reason is an
image that is not there, and then a node selector that no node has. The lab must be up (`make lab-up`).
Prints one JSON line: medians and worst, in s. Run: python -m benchmarks.cluster_spill [runs]
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kubernetes import client

from tests.cluster.clusters import Cluster, Clusters
from tests.cluster.lab.settings import sites
from tests.cluster.scenario_sites import ClusterPlayground, Sites, made_sites
from tests.cluster.teams import Team
from tests.e2e.tiny_story import TinyStory, make_tiny

POLL_SECONDS = 0.02
PATIENCE_SECONDS = 120.0
REFUSED = ("ErrImagePull", "ImagePullBackOff", "Unschedulable")


def main(runs: int) -> None:
    found: dict[str, list[float]] = {"image": [], "node": []}
    with TemporaryDirectory() as place:
        clusters = Clusters(*(Cluster(site.name, site.kubeconfig, site) for site in sites()))
        with made_sites(Path(place), clusters) as two:
            story = TinyStory(make_tiny(two.playground(Path(place) / "s", "hybrid_train_deploy", "lake")).playground)
            for number in range(1, runs * len(found) + 1):
                kind = list(found)[number % len(found)]
                story.month(number)
                found[kind].append(spill(two, story, broken(two, story.playground, kind)))
    told = {f"{kind}_{name}_s": round(of(times), 2) for kind, times in found.items() for name, of in SUMS}
    print(json.dumps(told | {"runs": runs}))


SUMS: tuple[tuple[str, Callable[[list[float]], float]], ...] = (("median", statistics.median), ("worst", max))


def broken(two: Sites, playground: Any, kind: str) -> Path:
    """An inventory whose on-prem rack cannot run the job."""
    said = json.loads(playground.inventory.read_text().replace("${home}", str(two.home)))
    if kind == "image":
        missing = {"name": "*", "image": "landbridge.test/removed:1", "targets": ["onprem-rack"]}
        said["environments"].insert(0, missing)
    else:
        resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
        lost = {"name": "defaultinstancetype", "node_selector": {"pool": "nowhere"}, "resources": resources}
        said["targets"]["onprem-rack"]["instance_types"] = [lost]
    file = two.home / f"{kind}.json"
    file.write_text(json.dumps(said))
    return file


def spill(two: Sites, story: TinyStory, inventory: Path) -> float:
    playground: ClusterPlayground = story.playground  # type: ignore[assignment]
    with seen(refused(two.rack)) as certain, seen(jobs_more_than(two.cloud)) as moved:
        said = playground.landbridge("run", str(playground.scenario), "-i", str(inventory), "-o", "json")
        assert said.code == 0, said.err
    return moved[0] - certain[0]


@contextmanager
def seen(happens: Callable[[], bool]) -> Any:
    """Inside the block, a list that gets the moment (`time.monotonic`) at which it first happens."""
    moments: list[float] = []

    def watch() -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and not happens():
            time.sleep(POLL_SECONDS)
        moments.append(time.monotonic())

    thread = threading.Thread(target=watch)
    thread.start()
    yield moments
    thread.join()


def refused(team: Team) -> Callable[[], bool]:
    api = client.CoreV1Api(team.cluster.api())

    def happens() -> bool:
        pods = [pod for pod in api.list_namespaced_pod(team.namespace).items if not pod.metadata.deletion_timestamp]
        said = [item.reason for pod in pods for item in pod.status.conditions or ()]
        containers = [
            (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())) for pod in pods
        ]
        states = [item.state.waiting for some in containers for item in some]
        return any(reason in REFUSED for reason in [*said, *(state.reason for state in states if state)])

    return happens


def jobs_more_than(team: Team) -> Callable[[], bool]:
    api = client.BatchV1Api(team.cluster.api())

    def names() -> set[str]:
        return {job.metadata.name for job in api.list_namespaced_job(team.namespace).items}

    before = names()
    return lambda: bool(names() - before)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
