"""What one process of landbridge does to a cluster, for `cluster_scale`: it probes, submits, follows, serves.

Each function runs in a fresh process and returns what that process saw: seconds, and its own memory and processor time.
"""

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from landbridge import drivers
from landbridge.domain.errors import LandbridgeError, TransientError
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment
from landbridge.domain.placement import PlacementRequest, TargetView, place
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment, TrainingJob
from landbridge.domain.scenario import Requirements
from landbridge.domain.values import ColourPhase, JobPhase, JobRef, JobStatus, Pattern, Resources, SiteKind
from landbridge.operations.training import next_pause
from tests.cluster.lab.fake import COMPLETE_AFTER, COMPLETE_JITTER

IMAGE = "registry.example/train:1"
SMALL = Resources(100, 256 << 20)
AT_ONCE = 16  # threads that submit or apply
OBSERVE_EVERY_SECONDS = 0.25  # how long a release waits between two looks at an endpoint
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the load goes. `code`: a folder with a training script; `run_seconds`: how long the fake pods run."""

    kubeconfig: str
    home: str
    code: str
    run_seconds: int = 30

    def target(self) -> Target:
        delay = f"{self.run_seconds}s"
        pods: dict[str, Any] = {"metadata": {"annotations": {COMPLETE_AFTER: delay, COMPLETE_JITTER: delay}}}
        options = {
            "kubeconfig": self.kubeconfig,
            "namespace": "default",
            "artifacts": "s3://scale/landbridge",  # URLs are signed here; nobody asks the store
            "storage": {"key": "none", "secret": "none", "endpoint_url": "http://127.0.0.1:1"},
            "overrides": pods,
        }
        return Target("rack", "onprem", "kubernetes", frozenset({Role.TRAIN, Role.SERVE}), "rack", options)

    def inventory(self) -> Inventory:
        site = Site("onprem", SiteKind.ONPREM, f"{self.home}/models", f"{self.home}/cache", 0)
        return Inventory("bench", f"{self.home}/i.yaml", self.home, {"onprem": site}, {"rack": self.target()}, {})

    def training(self) -> Any:
        return drivers.training_target(self.target(), self.inventory())

    def serving(self) -> Any:
        return drivers.serving_target(self.target(), self.inventory())

    def job(self, name: str) -> TrainingJob:
        made = CommandJob("job.yaml", "python3 train.py", self.code, JobEnvironment("any"))
        image = ResolvedEnvironment("any", image=IMAGE)
        return TrainingJob(name, made, self.code, {}, image, {}, 3600.0, SMALL, labels={"landbridge.scenario": "bench"})


@dataclass(slots=True)
class Spent:
    """What this process took meanwhile: resident memory at the start and at most, MiB, and processor seconds."""

    before_mib: float = 0.0
    most_mib: float = 0.0
    cpu_seconds: float = 0.0


def probe(where: Place, times: int) -> dict[str, float]:
    """Capacity, and placement with it, as often as asked; ms."""
    target = where.training()
    request = PlacementRequest(Pattern.ONPREM_LIFECYCLE, Requirements(Resources(4_000, 8 << 30, 1)))
    probing, placing = [], []
    for _ in range(times + 1):
        began = time.perf_counter()
        capacity = target.capacity()
        measured = time.perf_counter()
        found = place(request, [TargetView(where.target(), SiteKind.ONPREM, capacity)], datetime.now(UTC))
        assert capacity.reachable, capacity.detail
        assert found.chosen == "rack", found.rulings
        probing.append((measured - began) * 1000)
        placing.append((time.perf_counter() - measured) * 1000)
    probing, placing = probing[1:], placing[1:]  # the first one imports the client
    return {
        "nodes": len(capacity.nodes), "probe_ms": statistics.median(probing), "worst_probe_ms": max(probing),
        "placing_ms": statistics.median(placing),
    }  # fmt: skip


def submit_and_follow(where: Place, count: int) -> dict[str, float]:
    """`count` jobs at once, each followed to its end as `operations.training.wait` does."""
    target = where.training()
    _warm(where, target)
    late: list[float] = []
    submitted: list[float] = []
    refused: list[LandbridgeError] = []
    began = time.monotonic()

    def one(name: str) -> None:
        ref = patiently(lambda: target.submit(where.job(name)), refused)
        submitted.append(time.monotonic() - began)
        last = list(following(target, ref, lambda: False, refused))[-1]
        assert last.phase is JobPhase.SUCCEEDED, last
        late.append(time.time() - (last.ended_at or 0.0) - 0.5)  # the API server's clock tells whole seconds

    with _spending() as spent:
        _at_once(one, [f"many-{number:04}" for number in range(count)], count)
    return {
        "submitted_s": max(submitted), "ended_s": time.monotonic() - began, "late_s": statistics.mean(late),
        "refused": len(refused), **_told(spent),
    }  # fmt: skip


def watch(where: Place, count: int, seconds: float) -> dict[str, float]:
    """`count` jobs that all run, each followed by a thread of its own. Returns Unix times of the span too."""
    target = where.training()
    _warm(where, target)
    refs = list(_at_once(lambda name: target.submit(where.job(name)), [f"long-{n:03}" for n in range(count)]))
    wait_for(lambda: all(target.observe(ref).phase is JobPhase.RUNNING for ref in refs), 120)
    reads: list[int] = []
    refused: list[LandbridgeError] = []
    over = threading.Event()
    with _spending() as spent:
        begun = time.time()
        threads = [
            threading.Thread(
                target=lambda ref=ref: reads.append(len(list(following(target, ref, over.is_set, refused))))
            )
            for ref in refs
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        ended = time.time()
        over.set()
        for thread in threads:
            thread.join()
    return {
        "begun": begun,
        "ended": ended,
        "observed_per_s": sum(reads) / seconds,
        "refused": len(refused),
        **_told(spent),
    }


def cancel(where: Place, count: int) -> dict[str, float]:
    """End what `watch` left, all at once."""
    target = where.training()
    began = time.monotonic()
    refs = [JobRef("rack", f"long-{number:03}") for number in range(count)]
    list(_at_once(target.cancel, refs, count))
    took = time.monotonic() - began
    assert all(target.observe(ref).reason == "Cancelled" for ref in refs)
    return {"cancelled_s": took}


def serve(where: Place, count: int, seconds: float) -> dict[str, float]:
    """`count` endpoints of one colour: applied, waited for, then looked at as releases look."""
    target = where.serving()
    names = [f"endpoint-{number:03}" for number in range(count)]
    over = threading.Event()
    reads: list[int] = []
    began = time.monotonic()
    refused: list[LandbridgeError] = []
    list(_at_once(lambda name: target.apply(_colour(name)), names))
    applied = time.monotonic() - began

    def look(name: str, done: Callable[[Any], bool]) -> None:
        while not done(patiently(lambda: target.observe(name), refused)):
            reads.append(1)
            time.sleep(OBSERVE_EVERY_SECONDS)

    with _spending() as spent:
        _at_once(lambda name: look(name, _is_ready), names, count)
        ready = time.monotonic() - began
        begun = time.time()
        reads.clear()
        timer = threading.Timer(seconds, over.set)
        timer.start()
        _at_once(lambda name: look(name, lambda _: over.is_set()), names, count)
    return {
        "applied_s": applied, "ready_s": ready, "begun": begun, "ended": time.time(),
        "observed_per_s": len(reads) / seconds, "refused": len(refused), **_told(spent),
    }  # fmt: skip


def following(
    target: Any, ref: JobRef, stops: Callable[[], bool], refused: list[LandbridgeError]
) -> Iterator[JobStatus]:
    """Read a job until it ends, at the pace of `operations.training.wait`."""
    since, pause = time.monotonic(), 0.02
    status = patiently(lambda: target.observe(ref), refused)
    yield status
    while not status.phase.is_final and not stops():
        time.sleep(pause)
        pause, before = next_pause(pause, time.monotonic() - since), status.phase
        status = patiently(lambda: target.observe(ref), refused)
        since = since if status.phase is before else time.monotonic()
        yield status


def patiently(work: Callable[[], Any], refused: list[LandbridgeError]) -> Any:
    """Try again after a second, as a task does first, when the API server asks for fewer requests."""
    while True:
        try:
            return work()
        except TransientError as error:
            refused.append(error)
            time.sleep(1.0)


def wait_for(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.5)


def _colour(endpoint: str) -> ColourSpec:
    digest = "sha256:" + "a" * 64
    image = ResolvedEnvironment("any", image=IMAGE)
    return ColourSpec(endpoint, "blue", "flights", "1", "s3://models/flights/1", digest, image)


def _is_ready(status: Any) -> bool:
    return bool(status.colours) and all(one.phase is ColourPhase.READY for one in status.colours.values())


def _warm(where: Place, target: Any) -> None:
    """Import and connect, so that what is measured afterwards is the load's own."""
    target.observe(target.submit(where.job("first")))


def _at_once(work: Callable[[Any], Any], items: Iterable[Any], threads: int = AT_ONCE) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))


def _told(spent: Spent) -> dict[str, float]:
    added = spent.most_mib - spent.before_mib
    return {"before_mib": spent.before_mib, "added_mib": added, "cpu_s": spent.cpu_seconds}


@contextmanager
def _spending() -> Iterator[Spent]:
    """Measure this process until the end of the block, ten times a second."""
    me, over, spent = psutil.Process(), threading.Event(), Spent()
    spent.before_mib = me.memory_info().rss / MIB
    cpu = time.process_time()

    def sample() -> None:
        while not over.wait(0.1):
            spent.most_mib = max(spent.most_mib, me.memory_info().rss / MIB)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield spent
    finally:
        over.set()
        sampler.join()
        spent.cpu_seconds = time.process_time() - cpu
        spent.most_mib = max(spent.most_mib, me.memory_info().rss / MIB)
