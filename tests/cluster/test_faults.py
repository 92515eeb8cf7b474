"""Each fault does what it says, and its end restores what was."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.clusters import Cluster, Clusters, eventually, named, python_pod
from tests.cluster.lab import cluster as lab_cluster
from tests.cluster.lab import faults, node_images
from tests.cluster.lab.host import inside, run
from tests.cluster.lab.processes import recorded
from tests.cluster.lab.settings import LabError, Site

NewNamespace = Callable[[Cluster], str]

PROBE = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], 7070, timeout=1)
try:
    connection.request("GET", "/")
    print("answers", connection.getresponse().status)
except OSError:
    print("silent")
"""
PAYLOAD = 2_000_000


def probe_from_node(site: Site, address: str) -> str:
    return run(*inside(site, "python3", "-c", PROBE, address)).split()[0]


@pytest.fixture
def wan(lab: Clusters) -> Iterator[tuple[Site, Site]]:
    """The two sites; whatever a test did to the WAN is undone after it."""
    onprem, cloud = lab.onprem.own_site(), lab.cloud.own_site()
    yield onprem, cloud
    faults.heal(onprem)
    faults.free_rate(onprem, cloud)


@pytest.fixture
def waiting_pod(lab: Clusters, namespace: NewNamespace) -> tuple[Cluster, str]:
    """A pod that waits to be told what to run."""
    space = namespace(lab.onprem)
    lab.onprem.apply({**named("Pod", "waits", space), "spec": python_pod("import signal; signal.pause()")})
    lab.onprem.kubectl("wait", "--for=condition=Ready", "pod/waits", "-n", space, "--timeout=60s")
    return lab.onprem, space


def test_a_cut_wan_is_silent_in_both_directions_and_heals(
    wan: tuple[Site, Site], waiting_pod: tuple[Cluster, str]
) -> None:
    onprem, cloud = wan
    cluster, space = waiting_pod

    def from_pod() -> str:
        words = ("exec", "waits", "-n", space, "--", "python3", "-c", PROBE, cloud.node_address)
        return cluster.kubectl(*words).split()[0]

    assert from_pod() == "answers"
    faults.cut(onprem)
    faults.cut(onprem)  # a second cut changes nothing, and one heal undoes both
    assert from_pod() == "silent"
    assert probe_from_node(onprem, cloud.node_address) == "silent"
    assert probe_from_node(cloud, onprem.node_address) == "silent"
    assert lab_cluster.api_is_ready(onprem)
    assert lab_cluster.api_is_ready(cloud)
    faults.heal(onprem)
    assert from_pod() == "answers"
    assert probe_from_node(cloud, onprem.node_address) == "answers"


def test_a_cut_hub_hides_one_site_only(lab: Clusters) -> None:
    onprem, cloud = lab.onprem.own_site(), lab.cloud.own_site()
    faults.cut(cloud, faults.HUB)
    try:
        assert not lab_cluster.api_is_ready(cloud)
        assert lab_cluster.api_is_ready(onprem)
        assert probe_from_node(onprem, cloud.node_address) == "answers"
    finally:
        faults.heal(cloud, faults.HUB)
    assert lab_cluster.api_is_ready(cloud)


def test_a_limited_wan_takes_the_time_its_rate_says(wan: tuple[Site, Site]) -> None:
    onprem, cloud = wan
    faults.limit_rate(onprem, cloud, 8)
    sent = f"import socket; s = socket.create_connection(('{cloud.wan_address}', 9999)); s.sendall(bytes({PAYLOAD})); s.close()"
    received = (
        "import socket, subprocess, sys, time\n"
        f"server = socket.create_server(('{cloud.wan_address}', 9999))\n"
        "sender = subprocess.Popen(sys.argv[1:])\n"
        "peer, _ = server.accept(); began = time.monotonic(); size = 0\n"
        "while data := peer.recv(65536): size += len(data)\n"
        "print(size, time.monotonic() - began); sender.wait()\n"
    )
    size, seconds = run(*inside(cloud, "python3", "-c", received, *inside(onprem, "python3", "-c", sent))).split()
    assert int(size) == PAYLOAD
    assert 1.6 < float(seconds) < 6  # 16 Mbit at 8 Mbit/s are 2 s, the burst goes first
    faults.free_rate(onprem, cloud)


@pytest.mark.parametrize("daemon", ["kubelet", "kube-apiserver", "containerd"])
def test_a_killed_daemon_is_gone_and_comes_back_and_pods_go_on(waiting_pod: tuple[Cluster, str], daemon: str) -> None:
    cluster, space = waiting_pod
    site = cluster.own_site()
    faults.kill(site, daemon)
    try:
        assert recorded(site, daemon) is None
        if daemon == "kube-apiserver":
            assert not lab_cluster.api_is_ready(site)
        if daemon == "containerd":
            assert not node_images.serves(site)
        if daemon == "kubelet":
            with pytest.raises(LabError):
                cluster.kubectl("exec", "waits", "-n", space, "--", "true")
    finally:
        faults.restart(site, daemon)
    said = eventually(lambda: answered(cluster, space), lambda said: said == "alive", 30)
    assert said == "alive"
    [state] = cluster.get("pod", "waits", "-n", space)["status"]["containerStatuses"]
    assert state["restartCount"] == 0


def answered(cluster: Cluster, space: str) -> str:
    try:
        return cluster.kubectl("exec", "waits", "-n", space, "--", "echo", "alive").strip()
    except LabError as error:
        return str(error)


def test_a_cordoned_node_takes_no_pod_until_it_is_uncordoned(lab: Clusters, namespace: NewNamespace) -> None:
    site, space = lab.cloud.own_site(), namespace(lab.cloud)
    faults.cordon(site)
    try:
        lab.cloud.apply({**named("Pod", "waits", space), "spec": python_pod("")})
        refused = eventually(lambda: unscheduled(lab.cloud, space), bool, 20)
        assert "unschedulable" in refused
    finally:
        faults.uncordon(site)
    lab.cloud.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/waits", "-n", space, "--timeout=30s")


def test_gpus_are_there_when_the_node_has_them_and_not_otherwise(lab: Clusters, namespace: NewNamespace) -> None:
    site, space = lab.onprem.own_site(), namespace(lab.onprem)
    spec = python_pod("", resources={"limits": {"nvidia.com/gpu": "1"}})
    lab.onprem.apply({**named("Pod", "waits", space), "spec": spec})
    assert "Insufficient nvidia.com/gpu" in eventually(lambda: unscheduled(lab.onprem, space), bool, 20)
    faults.set_gpus(site, 2)
    try:
        lab.onprem.kubectl(
            "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/waits", "-n", space, "--timeout=40s"
        )
    finally:
        faults.set_gpus(site, 0)
    began = time.monotonic()
    eventually(
        lambda: lab.onprem.get("node", site.name)["status"]["allocatable"], lambda has: "nvidia.com/gpu" not in has, 30
    )
    assert time.monotonic() - began < 30


def unscheduled(cluster: Cluster, space: str) -> str:
    """Return why the scheduler did not place the pod, or nothing as long as it has not said."""
    conditions = cluster.get("pod", "waits", "-n", space)["status"].get("conditions", [])
    return "".join(condition.get("message", "") for condition in conditions if condition["type"] == "PodScheduled")
