"""What goes wrong in real life, one small function each. All are silent when there is nothing left to do."""

import contextlib
import json
import signal

from tests.cluster.lab import cluster, node_images
from tests.cluster.lab.host import inside, run, wait_until
from tests.cluster.lab.processes import recorded, start_again, stop
from tests.cluster.lab.programs import kubectl
from tests.cluster.lab.settings import LabError, Site

WAN, HUB = "wan0", "hub0"
"""A site's links: to the other site, and to MLflow, Prefect and the tests."""
_GPU = "/status/capacity/nvidia.com~1gpu"


def cut(site: Site, link: str = WAN) -> None:
    """Drop every packet on a link of the site, in silence, as a broken line does; routes stay as they are.

    Cutting one end of the WAN is enough for both directions.
    """
    for rule in _drops(link):
        if not _is_set(site, rule):
            run(*inside(site, "iptables", "-w", "-I", *rule))


def heal(site: Site, link: str = WAN) -> None:
    """Let packets pass again. Connections that waited go on by themselves."""
    for rule in _drops(link):
        while _is_set(site, rule):
            run(*inside(site, "iptables", "-w", "-D", *rule))


def limit_rate(onprem: Site, cloud: Site, megabits_per_second: float) -> None:
    """Make the WAN slow, in both directions: a queue shapes only what it sends, so each end has one."""
    for site in (onprem, cloud):
        words = ("tc", "qdisc", "replace", "dev", WAN, "root", "tbf")
        run(*inside(site, *words, "rate", f"{megabits_per_second:g}mbit", "burst", "32k", "latency", "400ms"))


def free_rate(onprem: Site, cloud: Site) -> None:
    for site in (onprem, cloud):
        with contextlib.suppress(LabError):  # there is no queue to delete
            run(*inside(site, "tc", "qdisc", "delete", "dev", WAN, "root"))


def kill(site: Site, daemon: str) -> None:
    """Kill a daemon (`kubelet`, `kube-apiserver`, `containerd`, …) as a crash would, without a word to anybody."""
    stop(site, daemon, signal.SIGKILL)


def restart(site: Site, daemon: str) -> None:
    """Start a killed daemon and return when it answers; one that runs is left alone."""
    if recorded(site, daemon) is None:
        start_again(site, daemon)
    if daemon == "kube-apiserver":
        wait_until(lambda: cluster.api_is_ready(site), 60, f"kube-apiserver of {site.name} restarted")
    if daemon == "containerd":
        wait_until(lambda: node_images.serves(site), 60, f"containerd of {site.name} restarted")
    if daemon in {"kubelet", "containerd"}:
        ready = ("wait", "--for=condition=Ready", f"node/{site.name}", "--timeout=90s")
        kubectl(site.kubeconfig, *ready)


def cordon(site: Site) -> None:
    kubectl(site.kubeconfig, "cordon", site.name)


def uncordon(site: Site) -> None:
    kubectl(site.kubeconfig, "uncordon", site.name)


def set_gpus(site: Site, count: int) -> None:
    """Give the node GPUs, or with 0 take them away; the kubelet counts them as allocatable within its next 4 s."""
    there = (
        "nvidia.com/gpu"
        in json.loads(kubectl(site.kubeconfig, "get", "node", site.name, "-o", "json"))["status"]["capacity"]
    )
    if not there and not count:
        return
    change = {"op": "add", "path": _GPU, "value": str(count)} if count else {"op": "remove", "path": _GPU}
    words = ("patch", "node", site.name, "--subresource=status", "--type=json", "-p", json.dumps([change]))
    kubectl(site.kubeconfig, *words)


def _drops(link: str) -> tuple[tuple[str, ...], ...]:
    end = ("-j", "DROP")
    ways = (("INPUT", "-i"), ("FORWARD", "-i"), ("OUTPUT", "-o"), ("FORWARD", "-o"))
    return tuple((chain, way, link, "-m", "comment", "--comment", "landbridge-fault", *end) for chain, way in ways)


def _is_set(site: Site, rule: tuple[str, ...]) -> bool:
    try:
        run(*inside(site, "iptables", "-w", "-C", *rule))
    except LabError:
        return False
    return True
