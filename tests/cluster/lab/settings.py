"""Where the lab keeps its things, and the addresses of its two sites. Everything else derives from these."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
GO_SOURCES = Path(__file__).parent / "go"
MANIFESTS = Path(__file__).parent / "manifests"
HOLDER = Path("/run/lock/landbridge-lab.json")
"""Who has the machine: network namespaces and cgroups have machine-wide names, so there is one lab at a time."""

HUB_BRIDGE, HUB_ADDRESS = "lb-hub", "10.200.1.1"
"""Where the root namespace, that is MLflow, Prefect and the tests, meets both sites."""
HUB_PREFIX_LENGTH = 24


class LabError(Exception):
    """The lab cannot be had, or not as asked: the message names the component and the reason."""


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster of one node in a network namespace of its own."""

    name: str
    prefix: str
    """First two octets: nodes in .0, pods from .64, services from .128."""
    wan_address: str
    hub_address: str
    run: Path
    """Configuration, logs, records; deleted by `down`."""
    disk: Path
    """What is large: images and snapshots. On the cache's file system, so that images come in as links."""

    @property
    def namespace(self) -> str:
        return f"landbridge-{self.name}"

    @property
    def node_address(self) -> str:
        return f"{self.prefix}.0.1"

    @property
    def network(self) -> str:
        return f"{self.prefix}.0.0/16"

    @property
    def services(self) -> str:
        return f"{self.prefix}.128.0/20"

    @property
    def api(self) -> str:
        return f"https://{self.node_address}:6443"

    @property
    def object_store(self) -> str:
        return f"http://{self.node_address}:7070"

    @property
    def kubeconfig(self) -> Path:
        return self.run.parent / f"{self.name}.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        return self.run / "containerd.sock"

    def values(self) -> dict[str, str]:
        """What the manifests may name as ${...}."""
        return {
            "name": self.name,
            "prefix": self.prefix,
            "namespace": self.namespace,
            "node_address": self.node_address,
            "hub_address": HUB_ADDRESS,
            "run": str(self.run),
            "disk": str(self.disk),
            "socket": str(self.containerd_socket),
        }


def run_folder() -> Path:
    return Path(os.environ.get("LANDBRIDGE_LAB_RUN", "/run/landbridge-lab"))


def cache_folder() -> Path:
    """What is slow to make and safe to keep or to delete: programs, layers, a node's imported images."""
    return Path(os.environ.get("LANDBRIDGE_LAB_CACHE", Path.home() / ".cache" / "landbridge-lab"))


def sites(run: Path | None = None) -> tuple[Site, Site]:
    """Return onprem and cloud. Only their folders depend on where the lab runs, so there is one lab a machine."""
    run, nodes = run or run_folder(), cache_folder() / "nodes"
    return (
        Site("onprem", "10.201", "10.200.0.1", "10.200.1.11", run / "onprem", nodes / "onprem"),
        Site("cloud", "10.202", "10.200.0.2", "10.200.1.12", run / "cloud", nodes / "cloud"),
    )


def digest(*parts: str | bytes) -> str:
    """Name content by what it is made from: sixteen hex digits, enough to keep a cache's entries apart."""
    made_from = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        made_from.update(len(data).to_bytes(8, "big") + data)
    return made_from.hexdigest()[:16]
