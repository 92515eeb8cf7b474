"""What a cluster says, and what we make of it. The messages are real ones."""

# ruff: noqa: E501 - real messages are as long as they are

import pytest

from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.reasons import Avoid, disruption, failed_create, never_made, unschedulable, waiting

TAIL = " no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
NO_GPU = f"0/1 nodes are available: 1 Insufficient nvidia.com/gpu.{TAIL}"
NO_CPU = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
SELECTOR = (
    "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: "
    "3 Preemption is not helpful for scheduling."
)
MIXED = "0/3 nodes are available: 1 Insufficient memory, 2 node(s) didn't match Pod's node affinity/selector."
CORDONED = "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are available: 1 Preemption is not helpful."
TAINTED = "0/2 nodes are available: 2 node(s) had untolerated taint {dedicated: db}."
NOT_READY = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
SMALL, LARGE = Resources(2000, 4 << 30), Resources(16000, 64 << 30, 4)


@pytest.mark.parametrize(
    ("message", "need", "nodes", "certain", "avoid"),
    [
        (NO_GPU, Resources(100, 0, 1), [SMALL], True, Avoid.INSTANCE_TYPE),  # no node has one
        (NO_GPU, Resources(100, 0, 1), [LARGE], False, Avoid.TARGET),  # they are taken
        (NO_GPU, Resources(100, 0, 8), [LARGE], True, Avoid.INSTANCE_TYPE),  # nobody has so many on one node
        (NO_GPU, Resources(100, 0, 1), None, False, Avoid.TARGET),  # we may not ask
        (NO_CPU, Resources(1000), [SMALL, LARGE], False, Avoid.TARGET),
        (NO_CPU, Resources(32000), [LARGE, LARGE], True, Avoid.INSTANCE_TYPE),  # never summed over nodes
        (SELECTOR, Resources(100), [SMALL], True, Avoid.INSTANCE_TYPE),
        (MIXED, Resources(100, 3 << 30), [SMALL], False, Avoid.TARGET),
        (CORDONED, Resources(100), [SMALL], False, Avoid.TARGET),
        (TAINTED, Resources(100), [SMALL], True, Avoid.INSTANCE_TYPE),
        (NOT_READY, Resources(100), [SMALL], False, Avoid.TARGET),
        ("no nodes available to schedule pods", Resources(100), [], True, Avoid.INSTANCE_TYPE),
    ],
)
def test_the_scheduler(
    message: str, need: Resources, nodes: list[Resources] | None, certain: bool, avoid: Avoid
) -> None:
    why = unschedulable(message, need, nodes)
    assert (why.reason, why.certain, why.avoid) == ("Unschedulable", certain, avoid)
    assert message in why.detail
    assert why.hint


def test_a_cluster_that_adds_nodes_is_waited_for() -> None:
    assert not unschedulable(NO_GPU, Resources(100, 0, 1), [SMALL], scales_up=True).certain
    assert not unschedulable(SELECTOR, Resources(100), [SMALL], scales_up=True).certain


@pytest.mark.parametrize(
    ("reason", "message", "pulls", "ours", "certain"),
    [
        ("ErrImagePull", 'failed to pull and unpack image "x.test/a:1": failed to resolve reference "x.test/a:1": x.test/a:1: not found', 1, "ImagePullBackOff", True),
        ("ErrImagePull", 'failed to do request: Head "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', 1, "ImagePullBackOff", False),
        ("ImagePullBackOff", 'Back-off pulling image "x.test/a:1"', 1, "ImagePullBackOff", False),
        ("ImagePullBackOff", 'Back-off pulling image "x.test/a:1"', 2, "ImagePullBackOff", True),
        ("ErrImagePull", "pull access denied, repository does not exist or may require authorization", 1, "ImagePullBackOff", True),
        ("ErrImageNeverPull", 'Container image "x:1" is not present with pull policy of Never', 0, "ImagePullBackOff", True),
        ("InvalidImageName", "couldn't parse image name \"A:b:c\": invalid reference format", 0, "ImagePullBackOff", True),
        ("CreateContainerConfigError", 'secret "s" not found', 0, "NotStarted", True),
        (
            "CreateContainerConfigError",
            "failed to sync secret cache: timed out waiting for the condition",
            0,
            "NotStarted",
            False,
        ),
        ("CreateContainerError", "context deadline exceeded", 0, "NotStarted", False),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", 0, "NotStarted", True),
    ],
)  # fmt: skip
def test_a_container_that_waits(reason: str, message: str, pulls: int, ours: str, certain: bool) -> None:
    why = waiting(reason, message, pulls)
    assert why is not None
    assert (why.reason, why.certain) == (ours, certain)
    assert message in why.detail


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", ""])
def test_a_container_that_is_being_made_is_no_trouble(reason: str) -> None:
    assert waiting(reason, "") is None


QUOTA = 'Error creating: pods "a-x" is forbidden: exceeded quota: team, requested: {asked}, used: requests.cpu=7, limited: requests.cpu=8'


@pytest.mark.parametrize(
    ("message", "ours", "certain"),
    [
        (QUOTA.format(asked="requests.cpu=2"), "QuotaExceeded", False),
        (QUOTA.format(asked="requests.cpu=9"), "QuotaExceeded", True),
        (QUOTA.format(asked="requests.cpu=8500m"), "QuotaExceeded", True),
        ('Error creating: pods "a" is forbidden: failed quota: team: must specify limits.cpu for: main', "QuotaExceeded", True),
        ('Error creating: pods "a" is forbidden: violates PodSecurity "restricted:latest": host namespaces', "NotStarted", True),
        ('Error creating: pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi', "QuotaExceeded", True),
        ('Error creating: pods "a" is forbidden: no PriorityClass with name gold was found', "NotStarted", True),
        ('Error creating: pods "a" is forbidden: error looking up service account ml/x: serviceaccount "x" not found', "NotStarted", True),
        ('Error creating: admission webhook "policy.test" denied the request: no', "NotStarted", True),
        ('Error creating: Pod "a" is invalid: spec.containers[0].image: Required value', "NotStarted", True),
    ],
)  # fmt: skip
def test_admission(message: str, ours: str, certain: bool) -> None:
    why = failed_create(message)
    assert why is not None
    assert (why.reason, why.certain) == (ours, certain)


def test_what_is_not_understood_is_not_judged() -> None:
    assert failed_create("Error creating: Internal error occurred") is None


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("DeletionByTaintManager", "NodeLost"),
        ("DeletionByPodGC", "NodeLost"),
        ("EvictionByEvictionAPI", "Evicted"),
        ("PreemptionByScheduler", "Evicted"),
        ("TerminationByKubelet", "Evicted"),
    ],
)
def test_disruptions(reason: str, ours: str) -> None:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "words"}
    why = disruption({"conditions": [condition]})
    assert why is not None
    assert why.reason == ours
    assert disruption({"conditions": [{**condition, "status": "False"}]}) is None
    assert disruption({"reason": "Evicted", "message": "The node was low on resource: memory"}).reason == "Evicted"  # type: ignore[union-attr]


def test_an_event_tells_earlier_than_the_container() -> None:
    why = never_made('Error: secret "none" not found')
    assert why is not None
    assert (why.reason, why.certain) == ("NotStarted", True)
    for other in (
        "Error: ImagePullBackOff",
        "Error: ErrImagePull",
        "Error: context deadline exceeded",
        'Failed to pull image "x": x: not found',
    ):
        assert never_made(other) is None
