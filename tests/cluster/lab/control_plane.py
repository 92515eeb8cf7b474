"""A control plane: where it listens, the flags of its daemons, whether it answers. In what network is for those who start it."""

import ipaddress
import ssl
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.lab.programs import build

Command = list[str | Path]

_ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Ports:
    """The usual ones; a control plane without a network of its own takes free ones."""

    etcd: int = 2379
    etcd_peer: int = 2380
    api: int = 6443
    controllers: int = 10257
    scheduler: int = 10259


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One control plane; its certificates, tokens and data are below `run`."""

    name: str
    run: Path
    kubeconfig: Path
    """The administrator's."""
    address: str
    services: str
    """CIDR of the Services' addresses."""
    ports: Ports = field(default_factory=Ports)

    @property
    def keys(self) -> Path:
        return self.run / "pki"

    @property
    def api(self) -> str:
        return f"https://{self.address}:{self.ports.api}"

    @property
    def api_service(self) -> str:
        """The first of the Services' addresses is always the API server's own."""
        return str(next(ipaddress.ip_network(self.services).hosts()))

    @property
    def _etcd(self) -> str:
        return f"http://127.0.0.1:{self.ports.etcd}"

    def etcd(self) -> Command:
        peer = f"http://127.0.0.1:{self.ports.etcd_peer}"
        return [
            *(build("kube"), "etcd", "--data-dir", self.run / "etcd"),
            *("--listen-client-urls", self._etcd, "--advertise-client-urls", self._etcd),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"default={peer}"),
            "--unsafe-no-fsync",  # its data lives no longer than the cluster
            *("--log-level", "warn"),
        ]

    def api_server(self) -> Command:
        accounts, kubelets = self.keys / "accounts.key", self.keys / "kubelet-client"
        return [
            *(build("kube"), "kube-apiserver", "--etcd-servers", self._etcd),
            *("--advertise-address", self.address, "--secure-port", str(self.ports.api), "--cert-dir", self.keys),
            *("--tls-cert-file", self.keys / "apiserver.crt", "--tls-private-key-file", self.keys / "apiserver.key"),
            *("--token-auth-file", self.keys / "tokens.csv", "--authorization-mode", "Node,RBAC"),
            *("--enable-admission-plugins", "NodeRestriction", "--allow-privileged"),
            *("--service-cluster-ip-range", self.services, "--service-account-issuer", _ISSUER),
            *("--service-account-key-file", accounts, "--service-account-signing-key-file", accounts),
            *("--kubelet-client-certificate", f"{kubelets}.crt", "--kubelet-client-key", f"{kubelets}.key"),
            # Without the address first, logs of pods are asked for under the node's name, which no DNS knows.
            "--kubelet-preferred-address-types=InternalIP,Hostname",
        ]

    def controllers(self) -> Command:
        return [
            *(build("kube"), "kube-controller-manager", *self._client("controller-manager", self.ports.controllers)),
            *("--use-service-account-credentials", "--root-ca-file", self.keys / "ca.crt"),
            *("--service-account-private-key-file", self.keys / "accounts.key"),
            *("--node-monitor-grace-period", "20s"),
        ]

    def scheduler(self) -> Command:
        return [build("kube"), "kube-scheduler", *self._client("scheduler", self.ports.scheduler)]

    def is_ready(self) -> bool:
        """Ask the API server as clients will; its word about itself needs no credentials."""
        trust = ssl.create_default_context(cafile=str(self.keys / "ca.crt"))
        try:
            with urllib.request.urlopen(f"{self.api}/readyz", timeout=2, context=trust) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _client(self, name: str, port: int) -> Command:
        return [
            *("--kubeconfig", self.keys / f"{name}.kubeconfig", "--leader-elect=false"),
            *("--bind-address", "127.0.0.1", "--secure-port", str(port)),
        ]
