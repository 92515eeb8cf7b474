"""Many jobs on many nodes that are only pretended: an API server's own books say what one process asked of it.

The two clusters of the lab are not needed: `lab/fake.py` starts a control plane of its own.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from landbridge import __version__, drivers
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, JobRef, Resources, SiteKind
from tests.cluster.clusters import eventually
from tests.cluster.lab.fake import COMPLETE_AFTER, COMPLETE_JITTER, FakeCluster, fake_cluster, fake_node

NODES, GPU_NODES, JOBS = 30, 5, 60
REQUESTS_TO_SUBMIT = 8
PER_SECOND, AT_ONCE = 20, 30  # of `sharing.Pace`
STORE = {"key": "none", "secret": "none", "endpoint_url": "http://127.0.0.1:1"}  # nobody asks it
SMALL = Resources(100, 64 << 20)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    with fake_cluster(tmp_path_factory.mktemp("fake")) as cluster:
        size = {"cpu": "16", "memory": "64Gi", "pods": "110"}
        gpus = [{"nvidia.com/gpu": "4"} if number < GPU_NODES else {} for number in range(NODES)]
        cluster.apply(*(fake_node(f"node-{number:02}", size | gpus[number]) for number in range(NODES)))
        eventually(
            lambda: cluster.kubectl("get", "nodes", "--no-headers").count(" Ready "), lambda count: count == NODES, 60
        )
        yield cluster


@pytest.fixture
def training(fake: FakeCluster, tmp_path: Path) -> Any:
    options = {
        "kubeconfig": str(fake.kubeconfig), "namespace": "default", "artifacts": "s3://bucket/jobs", "storage": STORE,
        "overrides": {"metadata": {"annotations": {COMPLETE_AFTER: "3s", COMPLETE_JITTER: "3s"}}},
    }  # fmt: skip
    target = Target("rack", "onprem", "kubernetes", frozenset({Role.TRAIN}), "rack", options)
    site = Site("onprem", SiteKind.ONPREM, f"{tmp_path}/models", f"{tmp_path}/cache", 0)
    return drivers.training_target(target, Inventory("test", "/i.yaml", str(tmp_path), {"onprem": site}, {}, {}))


@pytest.fixture
def code(tmp_path: Path) -> str:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('trained')")
    return str(tmp_path / "code")


def a_job(name: str, code: str, resources: Resources = SMALL) -> TrainingJob:
    made = CommandJob("job.yaml", "python3 train.py", code, JobEnvironment("any"))
    image = ResolvedEnvironment("any", image="example.test/train:1")
    return TrainingJob(name, made, code, {}, image, {}, 600.0, resources)


def to_the_end(training: Any, ref: JobRef) -> JobPhase:
    """Asked again and again, with hardly a pause."""
    status = eventually(lambda: training.observe(ref), lambda status: status.phase.is_final, 90)
    return JobPhase(status.phase)


def test_nodes_are_counted_one_by_one_with_their_gpus(training: Any) -> None:
    capacity = training.capacity()
    assert capacity.reachable, capacity.detail
    assert Counter(node.total.gpus for node in capacity.nodes) == {4: GPU_NODES, 0: NODES - GPU_NODES}


def test_many_jobs_at_once_ask_little_and_none_is_refused(fake: FakeCluster, training: Any, code: str) -> None:
    _, before = fake.asked()
    began = time.monotonic()
    with ThreadPoolExecutor(JOBS) as pool:
        refs = list(pool.map(lambda name: training.submit(a_job(name, code)), [f"many-{n:02}" for n in range(JOBS)]))
        ends = list(pool.map(lambda ref: to_the_end(training, ref), refs))
    spent = time.monotonic() - began
    assert set(ends) == {JobPhase.SUCCEEDED}
    asked, _ = fake.asked(before)
    assert {one.agent for one in asked} == {f"landbridge/{__version__}"}
    assert [one for one in asked if one.status == 429] == []
    reading = [one for one in asked if one.verb == "list" and one.resource != "persistentvolumeclaims"]
    assert len(asked) - len(reading) <= REQUESTS_TO_SUBMIT * JOBS
    assert len(reading) <= AT_ONCE + PER_SECOND * spent + 1


def test_each_of_many_jobs_owns_the_code_that_they_share(fake: FakeCluster, training: Any, code: str) -> None:
    names = [f"own-{number:02}" for number in range(JOBS)]
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda name: training.submit(a_job(name, code)), names))
    owners = fake.kubectl(
        "get", "configmaps", "-o", "jsonpath={range .items[*].metadata.ownerReferences[*]}{.name}{'\\n'}{end}"
    ).splitlines()
    assert {name for name in owners if name.startswith("own-")} == set(names)


def test_what_no_node_can_hold_ends_by_the_cluster_s_own_word(training: Any, code: str) -> None:
    ref = training.submit(a_job("huge", code, Resources(100, 64 << 20, gpus=5)))
    assert to_the_end(training, ref) is JobPhase.FAILED
    assert "Even an empty node has too little: 1 GPU" in training.observe(ref).detail
