"""What one process of landbridge asks of a large cluster: 1,000 nodes that kwok pretends, under a real control plane.

Prints a table: seconds, requests and memory of the capacity probe and a placement, of 500 jobs submitted at once and followed
to their end, of 100 jobs watched, of 200 endpoints. Requests are those in the API server's own audit log, by user agent;
its metric `apiserver_request_total`, which does not tell who asked, stands beside them.

It starts its own etcd, API server, controllers, scheduler and kwok on 127.0.0.1, from the lab's programs (built on first
use), and ends them. Needs no root. Run: python -m benchmarks.cluster_scale [nodes] [jobs] [watched] [endpoints]
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from benchmarks import cluster_load as load
from landbridge.host.web import die_with_parent
from tests.cluster.lab.fake import Asked, FakeCluster, fake_cluster, fake_node
from tests.cluster.lab.host import wait_until

WATCH_SECONDS = 40.0
PROBES = 10
NODE = {"cpu": "32", "memory": "128Gi", "pods": "110"}
GPU_NODE = {**NODE, "nvidia.com/gpu": "8"}
GPUS_EVERY = 5  # every fifth node has them
_TOTAL = re.compile(r"^apiserver_request_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
_BYTES = re.compile(r'^apiserver_response_sizes_sum\{.*resource="(\w*)".*verb="(\w+)".*\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a load returned, and what the API server counted meanwhile. `list_bytes`: of all lists, as they were sent."""

    told: dict[str, float]
    asked: list[Asked]
    of_all_clients: float
    list_bytes: float
    api_cpu_seconds: float

    def per_second(self) -> tuple[float, int]:
        """Mean and most requests in a second, between `begun` and `ended`."""
        begun, ended = self.told["begun"], self.told["ended"]
        within = [one for one in self.asked if begun <= one.at <= ended]
        return len(within) / (ended - begun), max(Counter(int(one.at) for one in within).values(), default=0)

    def kinds(self, parts: float = 1.0) -> str:
        counts = Counter(f"{one.verb} {one.resource}" for one in self.asked)
        return ", ".join(f"{count / parts:.3g} {what}" for what, count in counts.most_common(8))


class Bench:
    """The cluster and its books."""

    def __init__(self, cluster: FakeCluster, home: Path) -> None:
        self._cluster = cluster
        self._home = home
        (home / "code").mkdir()
        (home / "code" / "train.py").write_text("print('trained')\n" * 100)

    def run(self, work: Callable[..., dict[str, float]], *arguments: Any, run_seconds: int = 30) -> Measured:
        """Carry out `work` in a process of its own."""
        place = load.Place(str(self._cluster.kubeconfig), str(self._home), str(self._home / "code"), run_seconds)
        (_, place_in_log), cpu = self._cluster.asked(), self._cpu()
        total, sizes = self._metrics()
        own = {"mp_context": get_context("spawn"), "initializer": die_with_parent, "initargs": (os.getpid(),)}
        with ProcessPoolExecutor(1, **own) as pool:
            told = pool.submit(work, place, *arguments).result()
        cpu = self._cpu() - cpu
        total_after, sizes_after = self._metrics()
        return Measured(told, self._cluster.asked(place_in_log)[0], total_after - total, sizes_after - sizes, cpu)

    def _metrics(self) -> tuple[float, float]:
        text = self._cluster.kubectl("get", "--raw", "/metrics")
        lists = [float(size) for _, verb, size in _BYTES.findall(text) if verb == "LIST"]
        return sum(float(value) for value in _TOTAL.findall(text)), sum(lists)

    def _cpu(self) -> float:
        times = psutil.Process(self._cluster.pids["kube-apiserver"]).cpu_times()
        return float(times.user + times.system)


def main(nodes: int, jobs: int, watched: int, endpoints: int) -> None:
    with TemporaryDirectory() as folder, fake_cluster(Path(folder) / "cluster") as cluster:
        bench = Bench(cluster, Path(folder))
        say("nodes Ready", add_nodes(cluster, nodes), "s")
        probing("empty", bench.run(load.probe, PROBES))
        many = bench.run(load.submit_and_follow, jobs)
        following(jobs, many)
        probing(f"after {jobs} jobs", bench.run(load.probe, PROBES))
        watching(watched, bench.run(load.watch, watched, WATCH_SECONDS, run_seconds=3600))
        ending(watched, bench.run(load.cancel, watched))
        serving(endpoints, bench.run(load.serve, endpoints, WATCH_SECONDS))
        agents = sorted({one.agent for one in many.asked})
        print(f"user agents: {', '.join(agents)}")


def add_nodes(cluster: FakeCluster, count: int) -> float:
    began = time.monotonic()
    cluster.apply(
        *(fake_node(f"node-{number:04}", NODE if number % GPUS_EVERY else GPU_NODE) for number in range(count))
    )
    ready = ("get", "nodes", "--no-headers")
    wait_until(lambda: cluster.kubectl(*ready).count(" Ready ") == count, 300, f"{count} nodes Ready")
    return time.monotonic() - began


def probing(when: str, found: Measured) -> None:
    told = found.told
    say(f"capacity of {told['nodes']:.0f} nodes, {when}: median", told["probe_ms"], "ms")
    say("  worst of ten", told["worst_probe_ms"], "ms")
    say("  requests each", len(found.asked) / (PROBES + 1), "", found.kinds(PROBES + 1))
    say("  lists", found.list_bytes / (PROBES + 1) / load.MIB, "MiB each")
    say("  placement with it", told["placing_ms"], "ms")


def following(jobs: int, found: Measured) -> None:
    told = found.told
    say(f"{jobs} jobs at once: all submitted", told["submitted_s"], "s")
    say("  all ended, and seen to end", told["ended_s"], "s")
    say("  seen after the end, mean", told["late_s"], "s")
    say("  requests per job", len(found.asked) / jobs, "", found.kinds(jobs))
    say("  requests of all clients", found.of_all_clients / jobs, "per job")
    spending(found)


def watching(watched: int, found: Measured) -> None:
    mean, most = found.per_second()
    say(
        f"{watched} running jobs watched for {WATCH_SECONDS:g} s: requests",
        mean,
        "per s",
        f"at most {most} in a second",
    )
    say("  observations", found.told["observed_per_s"], "per s")
    spending(found)


def ending(watched: int, found: Measured) -> None:
    say(f"{watched} jobs cancelled at once", found.told["cancelled_s"], "s")
    say("  requests per job", len(found.asked) / watched, "", found.kinds(watched))


def serving(endpoints: int, found: Measured) -> None:
    told = found.told
    say(f"{endpoints} endpoints applied", told["applied_s"], "s")
    say("  all Ready", told["ready_s"], "s")
    mean, most = found.per_second()
    say(f"  all observed for {WATCH_SECONDS:g} s: requests", mean, "per s", f"at most {most} in a second")
    say("  observations", told["observed_per_s"], "per s")
    spending(found)


def spending(found: Measured) -> None:
    told = found.told
    say("  calls that failed for the moment", told["refused"], "")
    say("  requests answered with 429, Too Many Requests", sum(one.status == 429 for one in found.asked), "")
    say("  memory added, at most", told["added_mib"], "MiB", f"to the {told['before_mib']:.0f} MiB of an idle process")
    say("  processor: landbridge", told["cpu_s"], "s", f"API server {found.api_cpu_seconds:.1f} s")
    say("  lists", found.list_bytes / load.MIB, "MiB")


def say(what: str, value: float, unit: str, more: str = "") -> None:
    print(f"{what:<58}{value:>9.2f} {unit:<8}{more}", flush=True)


def end(*_: Any) -> None:
    """End what was started first: the load would go on for as long as it is let."""
    for child in psutil.Process().children():
        child.kill()
    sys.exit(1)


if __name__ == "__main__":
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, end)
    defaults = ("1000", "500", "100", "200")
    main(*(int(given or default) for given, default in zip_longest(sys.argv[1:], defaults)))
