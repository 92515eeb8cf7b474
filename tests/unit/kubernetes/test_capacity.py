"""What is free, node by node."""

from typing import Any

import pytest

from landbridge.domain.errors import TargetUnavailableError
from landbridge.domain.inventory import Role, Target
from landbridge.domain.quantities import quantity
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.capacity import measure, node_capacities, quota_left, within
from landbridge.drivers.kubernetes.cluster import Cluster, connect
from landbridge.drivers.kubernetes.quantities import pod_requests

TARGET = Target("gpu", "onprem", "kubernetes", frozenset({Role.TRAIN}), "leipzig", capacity=Resources(8000, 16 << 30))


def node(name: str, **more: Any) -> dict[str, Any]:
    allocatable = {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
    return {
        "metadata": {"name": name, "annotations": more.pop("annotations", {})}, "spec": more,
        "status": {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": more.pop("ready", "True")}]},
    }  # fmt: skip


def pod(where: str, *asked: dict[str, str], init: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    containers = [{"resources": {"requests": item}} for item in asked]
    return {
        "metadata": {"name": "p"},
        "spec": {"nodeName": where, "containers": containers, "initContainers": list(init)},
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("1.5", 1.5),
        ("2Gi", 2 << 30),
        ("1e3", 1000),
        ("129M", 129_000_000),
        ("64Ki", 65536),
        (3, 3),
    ],
)
def test_quantities(text: Any, number: float) -> None:
    assert float(quantity(text)) == number


@pytest.mark.parametrize("text", ["", "two", "1 Gi", "Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


def test_a_pod_asks_for_all_its_containers_or_its_largest_init_container() -> None:
    init = {"resources": {"requests": {"cpu": "3"}}}
    sidecar = {"restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}}
    assert pod_requests(pod("a", {"cpu": "1"}, {"cpu": "500m", "memory": "1Gi"})) == Resources(1500, 1 << 30)
    assert pod_requests(pod("a", {"cpu": "1"}, init=(init,))).cpu_millicores == 3000
    assert pod_requests(pod("a", {"cpu": "1"}, init=(sidecar, init))).cpu_millicores == 3100
    limits_only = {"spec": {"containers": [{"resources": {"limits": {"cpu": "2", "nvidia.com/gpu": 1}}}]}}
    assert pod_requests(limits_only) == Resources(2000, 0, 1)


def test_free_is_what_pods_leave_on_each_node() -> None:
    found = node_capacities([node("a"), node("b")], [pod("a", {"cpu": "1", "memory": "1Gi"}), pod("", {"cpu": "9"})])
    assert found[0].free == Resources(3000, 7 << 30, 2)
    assert found[1].free == found[1].total == Resources(4000, 8 << 30, 2)


def test_nodes_that_take_nothing_new() -> None:
    closed = [
        node("a", unschedulable=True),
        node("b", ready="Unknown"),
        node("c", annotations={"landbridge.io/maintenance": "disks"}),
    ]
    assert [item.cordoned for item in node_capacities([*closed, node("d")], [])] == [True, True, True, False]


def test_no_node_gives_more_than_the_quota_leaves() -> None:
    quota = {
        "status": {"hard": {"requests.cpu": "5", "memory": "10Gi"}, "used": {"requests.cpu": "4500m", "memory": "4Gi"}}
    }
    (found,) = within(node_capacities([node("a")], []), quota_left([quota]))
    assert found.free == Resources(500, 6 << 30, 2)


def test_a_cluster_that_is_not_there_is_an_answer(tmp_path: Any) -> None:
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:9'}}]\nusers: [{name: a, user: {token: x}}]\n"
    )
    found = measure(lambda: connect(str(config), "", "ml"), TARGET)
    assert not found.reachable
    assert "no answer" in found.detail
    wrong = measure(lambda: connect(str(config), "b", "ml"), TARGET)
    assert not wrong.reachable
    missing = measure(lambda: connect(f"{config}-none", "", "ml"), TARGET)
    assert "cannot be used" in missing.detail


def test_a_cluster_that_is_slow_costs_its_deadline() -> None:
    def never() -> Cluster:
        raise TargetUnavailableError("Listing nodes failed: no answer.", "Wait.")

    assert not measure(never, TARGET).reachable
