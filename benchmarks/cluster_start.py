"""From the order to the running pod: landbridge's driver against kubectl, in turn, on the lab's cluster `onprem`.

Prints one JSON line: medians in s of both, and their ratio.
The lab must be up (`make lab-up`). Run: python -m benchmarks.cluster_start [pairs]
"""

import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from landbridge import drivers
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobOutput
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, Resources, SiteKind
from tests.cluster.clusters import Cluster, named, python_pod, unique
from tests.cluster.lab.images import TRAIN
from tests.cluster.lab.settings import sites
from tests.cluster.teams import Team, a_team

SMALL = Resources(100, 64 << 20)
POLL_SECONDS = 0.05
WORK = "import time; time.sleep(1)"


def main(pairs: int) -> None:
    site = next(one for one in sites() if one.name == "onprem")
    with a_team(Cluster(site.name, site.kubeconfig, site)) as team, TemporaryDirectory() as home:
        target = training_target(team, Path(home))
        ours, theirs = [], []
        for _ in range(pairs):
            theirs.append(with_kubectl(team))
            ours.append(with_landbridge(target))
        medians = statistics.median(ours), statistics.median(theirs)
        found = {"landbridge_s": medians[0], "kubectl_s": medians[1], "ratio": medians[0] / medians[1]}
        print(json.dumps({name: round(value, 2) for name, value in found.items()}))


def training_target(team: Team, home: Path) -> Any:
    options = {key: value for key, value in team.options.items() if key not in {"gateway", "serving_image"}}
    target = Target("rack", "onprem", "kubernetes", frozenset({Role.TRAIN}), "rack", options)
    place = Site("onprem", SiteKind.ONPREM, f"{home}/models", f"{home}/cache", 0)
    return drivers.training_target(target, Inventory("bench", f"{home}/i.yaml", str(home), {"onprem": place}, {}, {}))


def with_landbridge(target: Any) -> float:
    made = CommandJob("job.yaml", f"python3 -c '{WORK}'", "", JobEnvironment("any"), outputs={"m": JobOutput("m")})
    job = TrainingJob(unique("ours"), made, "", {}, ResolvedEnvironment("any", image=TRAIN), {}, 120.0, SMALL)
    began = time.monotonic()
    ref = target.submit(job)
    while target.observe(ref).phase is JobPhase.PENDING:
        time.sleep(POLL_SECONDS)
    took = time.monotonic() - began
    while not target.observe(ref).phase.is_final:
        time.sleep(0.5)
    return took


def with_kubectl(team: Team) -> float:
    name = unique("theirs")
    pod = python_pod(WORK, resources={"requests": {"cpu": "100m", "memory": "64Mi"}})
    job = {**named("Job", name, team.namespace, "batch/v1"), "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    began = time.monotonic()
    team.cluster.apply(job)
    words = ("--for=jsonpath={.status.phase}=Running", "pod", "-l", f"job-name={name}", "-n", team.namespace)
    while True:  # `kubectl wait` wants the pod to be there
        if team.cluster.get("pods", "-l", f"job-name={name}", "-n", team.namespace)["items"]:
            team.cluster.kubectl("wait", *words, "--timeout=60s")
            return time.monotonic() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
