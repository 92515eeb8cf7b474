"""A cluster of nodes that are not there: the lab's control plane on 127.0.0.1, and kwok, which says what kubelets would.

It needs no root and no network of its own, and nothing of it outlives the process that started it. Pods get as far as
Running, and those of Jobs on to Succeeded; no container runs, so nothing answers, writes or prints.
"""

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster.lab import pki
from tests.cluster.lab.control_plane import Command, ControlPlane, Ports
from tests.cluster.lab.host import wait_until, write
from tests.cluster.lab.programs import build, kubectl, kwok_stages
from tests.cluster.lab.settings import LabError

USER = "landbridge"
"""Its requests are those that are written down; it has all rights, but no place before others in the API server's queues."""
COMPLETE_AFTER = "pod-complete.stage.kwok.x-k8s.io/delay"
COMPLETE_JITTER = "pod-complete.stage.kwok.x-k8s.io/jitter-delay"
"""Annotations of a Job's pod: how long it runs, and that plus what is drawn by lot at most; such as `20s`."""

_FAKE = "kwok.x-k8s.io/node"
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
}
_LEASE_SECONDS = 240
"""Kwok renews a node's lease four times in that: a thousand nodes are 17 writes a second, no more."""
_FAST = ("--kube-api-qps", "500", "--kube-api-burst", "1000")
"""Kubernetes' own controllers ask 20 times a second at most, and then they are what is measured."""
_MANY = ("--concurrent-job-syncs", "20", "--node-monitor-grace-period", f"{2 * _LEASE_SECONDS}s")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of USER: when it was answered (Unix time), with what status, and what for ("list", "pods")."""

    at: float
    status: int
    verb: str
    resource: str
    agent: str


@dataclass(frozen=True, slots=True)
class FakeCluster:
    """`kubeconfig` is the one of USER."""

    plane: ControlPlane
    pids: Mapping[str, int]
    """Daemon → its process."""

    @property
    def kubeconfig(self) -> Path:
        return self.plane.keys / f"{USER}.kubeconfig"

    def asked(self, after: int = 0) -> tuple[list[Asked], int]:
        """What USER asked after a place in the API server's own audit log, and the place where that ends now."""
        with (self.plane.run / "requests.jsonl").open() as file:
            file.seek(after)
            return [_asked(json.loads(line)) for line in iter(file.readline, "")], file.tell()

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return kubectl(self.plane.kubeconfig, *words, stdin=stdin)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


@contextlib.contextmanager
def fake_cluster(folder: Path) -> Iterator[FakeCluster]:
    """Start one with everything below `folder`, and end it, by pid.

    Raises:
        LabError: a program cannot be built, or does not come up; with the end of what it printed.
    """
    ports = Ports(*_free_ports(5))
    plane = ControlPlane("fake", folder, folder / "admin.kubeconfig", "127.0.0.1", "10.96.0.0/16", ports)
    users = {name: pki.USERS[name] for name in ("admin", "controller-manager", "scheduler")}
    pki.make(plane, {**users, "kwok": ("kwok", "system:masters"), USER: (USER, "")})
    with contextlib.ExitStack() as running:
        pids = {}

        def start(name: str, command: Command) -> None:
            process = _started(folder / f"{name}.log", command)
            running.callback(_end, process)
            pids[name] = process.pid

        start("etcd", plane.etcd())
        start("kube-apiserver", [*plane.api_server(), *_api_server(plane)])
        try:
            wait_until(plane.is_ready, 60, "kube-apiserver")
        except LabError as error:
            raise LabError(f"{error}: {(folder / 'kube-apiserver.log').read_text()[-1500:]}") from error
        start("kube-controller-manager", [*plane.controllers(), *_FAST, *_MANY])
        start("kube-scheduler", [*plane.scheduler(), *_FAST])
        start("kwok", _kwok(plane))
        made = FakeCluster(plane, pids)
        made.kubectl("create", "clusterrolebinding", USER, "--clusterrole=cluster-admin", f"--user={USER}")
        wait_until(lambda: "default" in made.kubectl("get", "serviceaccounts", "-o", "name"), 60, "the controllers")
        yield made


def _asked(said: dict[str, Any]) -> Asked:
    of = said.get("objectRef") or {}
    resource = "/".join(filter(None, (of.get("resource", said["requestURI"].split("?")[0]), of.get("subresource"))))
    at = datetime.fromisoformat(said["stageTimestamp"]).timestamp()
    return Asked(at, int(said["responseStatus"]["code"]), said["verb"], resource, said["userAgent"])


def fake_node(name: str, allocatable: dict[str, str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a node for `apply`; kwok makes it Ready. As large as a real one says it is: a kubelet lists its images."""
    hashes = [f"{name}{number}".encode().hex().ljust(64, "0")[:64] for number in range(30)]
    images = [{"names": [f"registry.example/team/image@sha256:{one}"], "sizeBytes": 10**9} for one in hashes]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {_FAKE: "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **(labels or {})},
        },
        "status": {"allocatable": allocatable, "capacity": allocatable, "images": images},
    }


def _api_server(plane: ControlPlane) -> Command:
    policy = write(plane.run / "audit.json", json.dumps(_AUDIT))
    return [
        *("--bind-address", "127.0.0.1", "--endpoint-reconciler-type", "none"),  # no endpoint may be on 127.0.0.1
        *("--audit-policy-file", policy, "--audit-log-path", plane.run / "requests.jsonl"),
        *("--audit-log-maxsize", "10000"),
    ]


def _kwok(plane: ControlPlane) -> Command:
    stages = write(plane.run / "stages.yaml", kwok_stages())
    return [
        *(build("kwok"), "--kubeconfig", plane.keys / "kwok.kubeconfig", "--config", stages),
        *("--manage-all-nodes=false", "--manage-nodes-with-annotation-selector", f"{_FAKE}=fake"),
        *("--cidr", "10.244.0.0/16", "--node-ip", "127.0.0.1", "--node-lease-duration-seconds", str(_LEASE_SECONDS)),
    ]


def _started(log: Path, command: Command) -> subprocess.Popen[bytes]:
    """Start a daemon that the kernel ends when this process is gone, however that came."""
    with log.open("wb") as to:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdout=to, stderr=to)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # nothing of it is kept, so there is nothing to put in order first
    process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        taken = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in taken]
