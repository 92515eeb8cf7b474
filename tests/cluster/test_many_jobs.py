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

from landbridge import __version__
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import JobPhase, JobRef, Resources
from tests.cluster.clusters import eventually
from tests.cluster.lab.fake import COMPLETE_AFTER, COMPLETE_JITTER, FakeCluster, fake_cluster, fake_node
from tests.unit.kubernetes import same_code
from tests.unit.kubernetes.same_code import code_in, training_at

pytestmark = pytest.mark.slow  # kwok is one program more to build
NODES, GPU_NODES, JOBS = 30, 5, 60
REQUESTS_TO_SUBMIT = 8
PER_SECOND, AT_ONCE = 20, 30  # of `sharing.Pace`
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
    pods = {"metadata": {"annotations": {COMPLETE_AFTER: "3s", COMPLETE_JITTER: "3s"}}}
    return training_at(fake.kubeconfig, "default", tmp_path, overrides=pods)


@pytest.fixture
def code(tmp_path: Path) -> str:
    return code_in(tmp_path)


def a_job(name: str, code: str, resources: Resources = SMALL) -> TrainingJob:
    return same_code.a_job(name, code, timeout_seconds=600.0, resources=resources)


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
