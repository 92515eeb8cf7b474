"""One cluster: its control plane, its node, its object store, and when each counts as up."""

import json
import secrets
import urllib.request
from pathlib import Path

from tests.cluster.lab import node_images, pki
from tests.cluster.lab.control_plane import ControlPlane
from tests.cluster.lab.host import manifest, run, wait_until, write
from tests.cluster.lab.oci import Image
from tests.cluster.lab.processes import make_cgroups, start, tail
from tests.cluster.lab.programs import build, custom_resources, kubectl
from tests.cluster.lab.settings import LabError, Site

DAEMONS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
    "objectstore",
)
BUCKET = "landbridge"


def bring_up(site: Site, images: tuple[Image, ...]) -> None:
    """Start all of a site in a network that is there already, and return when it can be used.

    Raises:
        LabError: a component did not come up; with its name and the end of its log.
    """
    make_cgroups(site)
    pki.make(control_plane(site))
    node_images.give_images(site, images)
    start(site, "containerd", *_containerd(site))
    _start_control_plane(site)
    _start_object_store(site)
    wait_until(lambda: node_images.serves(site), 30, f"containerd of {site.name}")
    _start_node(site)
    wait_until(lambda: object_store_is_ready(site), 30, f"objectstore of {site.name}")
    node_images.give_code(site, images)
    _apply(site)


def control_plane(site: Site) -> ControlPlane:
    return ControlPlane(site.name, site.run, site.kubeconfig, site.node_address, site.services)


def api_is_ready(site: Site) -> bool:
    """Ask the API server over the hub, as tests will."""
    return control_plane(site).is_ready()


def _start_control_plane(site: Site) -> None:
    plane = control_plane(site)
    start(site, "etcd", *plane.etcd())
    start(site, "kube-apiserver", *plane.api_server())
    _wait(site, "kube-apiserver", 60)
    start(site, "kube-controller-manager", *plane.controllers())
    start(site, "kube-scheduler", *plane.scheduler())


def _containerd(site: Site) -> list[str | Path]:
    write(site.run / "cni" / "10-pods.conflist", manifest("cni.conflist", site))
    write(site.run / "registries" / "_default" / "hosts.toml", manifest("hosts.toml", site))
    config = write(site.run / "containerd.toml", manifest("containerd.toml", site))
    return ["containerd", "--config", config]


def _start_node(site: Site) -> None:
    kube = build("kube")
    write(site.run / "resolv.conf", "")
    config = write(site.run / "kubelet.yaml", manifest("kubelet.yaml", site))
    kubelet: list[str | Path] = ["--config", config, "--kubeconfig", site.run / "pki" / "kubelet.kubeconfig"]
    kubelet += ["--root-dir", site.run / "kubelet", "--cert-dir", site.run / "kubelet-pki"]
    kubelet += ["--node-ip", site.node_address, "--hostname-override", site.name]
    start(site, "kubelet", kube, "kubelet", *kubelet)
    proxy = write(site.run / "kube-proxy.yaml", manifest("kube-proxy.yaml", site))
    start(site, "kube-proxy", kube, "kube-proxy", "--config", proxy)


def _start_object_store(site: Site) -> None:
    """Start an S3 server over a folder, with one bucket; its keys are made here, and objectstore.json tells them.

    The region has the site's name: S3 takes no bucket whose location is the nameless first region.
    """
    access, secret, folder = secrets.token_hex(10), secrets.token_hex(20), site.disk / "objects"
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    about = {"endpoint": site.object_store, "bucket": BUCKET, "region": site.name}
    about |= {"access_key": access, "secret_key": secret}
    write(site.run / "objectstore.json", json.dumps(about), 0o600)
    keys = write(site.run / "objectstore.env", f"ROOT_ACCESS_KEY={access}\nROOT_SECRET_KEY={secret}\n", 0o600)
    program: list[str | Path] = ["sh", "-c", 'set -a; . "$1"; shift; exec "$@"', "sh", keys, build("objectstore")]
    flags = ("--port", f"{site.node_address}:7070", "--region", site.name, "--health", "/health", "--keep-alive")
    start(site, "objectstore", *program, *flags, "--quiet", "posix", folder)


def object_store_is_ready(site: Site) -> bool:
    try:
        with urllib.request.urlopen(f"{site.object_store}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _apply(site: Site) -> None:
    """Install DNS and the Gateway, and wait until the node and both answer."""
    kubectl(site.kubeconfig, "apply", "-f", "-", stdin=manifest("coredns.yaml", site))
    kubectl(site.kubeconfig, "apply", "--server-side", "-f", custom_resources())
    kubectl(site.kubeconfig, "apply", "-f", "-", stdin=manifest("envoy-gateway.yaml", site))
    kubectl(site.kubeconfig, "wait", "--for=create", f"node/{site.name}", "--timeout=60s")
    kubectl(site.kubeconfig, "wait", "--for=condition=Ready", f"node/{site.name}", "--timeout=60s")
    established = "--for=condition=Established"
    kubectl(site.kubeconfig, "wait", established, "crd", "--all", "--timeout=60s")
    kubectl(site.kubeconfig, "apply", "-f", "-", stdin=manifest("gateway.yaml", site))
    for namespace, what in (("kube-system", "coredns"), ("envoy-gateway-system", "envoy-gateway")):
        words = ("wait", "--for=condition=Available", f"deployment/{what}", "--timeout=180s", "-n", namespace)
        kubectl(site.kubeconfig, *words)
    programmed = ("wait", "--for=condition=Programmed", "gateway/edge", "--timeout=120s", "-n", "landbridge-edge")
    kubectl(site.kubeconfig, *programmed)


def _wait(site: Site, name: str, seconds: float) -> None:
    try:
        wait_until(lambda: api_is_ready(site), seconds, f"{name} of {site.name}")
    except LabError as error:
        raise LabError(f"{error}; it printed: {tail(site, name)}") from error


def unmount(folder: Path) -> None:
    """Unmount whatever is mounted below a folder, the deepest first."""
    for point in mounted_below(folder):
        try:
            run("umount", "--lazy", point)
        except LabError:  # a process that ended this moment may have taken its mount along
            if point in mounted_below(folder):
                raise


def mounted_below(folder: Path) -> list[str]:
    """Return the mount points below a folder, the deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{folder}/")), key=len, reverse=True)
