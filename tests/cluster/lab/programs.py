"""The Go programs: built from public modules by the ordinary go client, kept in the cache by what they are made from."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.lab.host import run
from tests.cluster.lab.settings import GO_SOURCES, LabError, cache_folder, digest

KUBERNETES_VERSION = "1.34.4"
"""1.34 and not later: from 1.35 on the kubelet does without cgroup v1."""
_VERSION = "k8s.io/component-base/version"
_KUBERNETES_FLAGS = (
    f" -X {_VERSION}.gitVersion=v{KUBERNETES_VERSION} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34"
)
"""Without these clients are told v0.0.0."""


@dataclass(frozen=True, slots=True)
class Program:
    """One static binary.

    Attributes:
        module: the folder with its go.mod. Programs of one module are built from the same versions, so what they share
            is compiled once.
        package: what to build: a main package of the module, or one that its go.mod names as a tool.
    """

    name: str
    module: str
    package: str = "."
    link_flags: str = ""

    @property
    def folder(self) -> Path:
        return GO_SOURCES / self.module

    def cached(self) -> Path:
        """Return where the binary is once built; another source, another path."""
        own = self.folder / self.package
        sources = [*sorted(self.folder.glob("go.*")), *sorted(own.glob("*.go"))]  # none of its own where it is a tool
        texts = [part for path in sources for part in (path.name, path.read_bytes())]
        return cache_folder() / "programs" / f"{self.name}-{digest(self.package, self.link_flags, *texts)}" / self.name


PROGRAMS = {
    program.name: program
    for program in (
        Program("pause", "pause"),
        Program("objectstore", "objectstore", "github.com/versity/versitygw/cmd/versitygw"),
        Program("coredns", "cluster", "./coredns"),
        Program("gateway", "cluster", "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
        Program("kube", "cluster", "./kube", _KUBERNETES_FLAGS),
        Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    )
}
CRD_SOURCES = {
    "sigs.k8s.io/gateway-api": (
        "config/crd/standard/gateway.networking.k8s.io_",
        ("gatewayclasses", "gateways", "httproutes", "referencegrants", "grpcroutes", "backendtlspolicies"),
    ),
    "github.com/envoyproxy/gateway": (
        "charts/gateway-helm/crds/generated/gateway.envoyproxy.io_",
        ("envoyproxies",),
    ),
}
"""Module, the start of its files' names, and the resources that are enough for what the lab uses."""


KWOK_STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/general/pod-complete",
    "pod/fast/pod-delete",
)
"""What becomes of kwok's nodes and pods: Ready at once; the pods of Jobs end after a while, or when their annotation says."""


def build(name: str, say: Callable[[str], None] = lambda line: None) -> Path:
    """Return the binary, building it when the cache lacks it. At the lowest priority: it takes minutes.

    Raises:
        LabError: the go client is missing, or the build failed; with the component's name.
    """
    program = PROGRAMS[name]
    binary = program.cached()
    if binary.exists():
        return binary
    started = time.monotonic()
    binary.parent.mkdir(parents=True, exist_ok=True)
    half_made = binary.with_suffix(f".{os.getpid()}")
    _go(program, "go", "build", "-trimpath", "-ldflags", f"-s -w{program.link_flags}", "-o", half_made, program.package)
    half_made.replace(binary)
    say(f"{name}: built in {time.monotonic() - started:.0f} s")
    return binary


def custom_resources() -> Path:
    """Return one file with the Gateway API's and Envoy Gateway's CRDs, as their Go modules publish them."""
    kept = PROGRAMS["gateway"].cached().parent / "crds.yaml"  # the modules' versions are part of the folder's name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("\n---\n".join(path.read_text() for path in _crd_files()))
    return kept


def kwok_stages() -> str:
    """Return how kwok lets nodes and pods live, as its Go module publishes it."""
    folder = _module(PROGRAMS["kwok"], "sigs.k8s.io/kwok") / "kustomize" / "stage"
    return "\n---\n".join((folder / f"{stage}.yaml").read_text() for stage in KWOK_STAGES)


def _crd_files() -> list[Path]:
    found = []
    for module, (start, resources) in CRD_SOURCES.items():
        folder = _module(PROGRAMS["gateway"], module)
        found += [folder / f"{start}{resource}.yaml" for resource in resources]
    return found


def _module(program: Program, module: str) -> Path:
    """Return the folder of a module's files, in the version that the program is built from."""
    _go(program, "go", "mod", "download", module)
    return Path(_go(program, "go", "list", "-m", "-f", "{{.Dir}}", module).strip())


def require_client() -> None:
    """Raises `LabError` where there is no go client to build with."""
    if not shutil.which("go"):
        raise LabError("the lab's programs are built from Go modules, and there is no go client on PATH")


def _go(program: Program, *command: str | Path) -> str:
    require_client()
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=readonly"}
    words = ["nice", "-n", "19", *map(str, command)]
    done = subprocess.run(words, cwd=program.folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{program.name} cannot be built: {done.stderr.strip()[-2000:]}")
    return done.stdout


def kubectl(kubeconfig: Path, *words: str | Path, stdin: str | None = None) -> str:
    """Run the lab's own kubectl: a machine without one is the usual case."""
    return run(build("kube"), "kubectl", "--kubeconfig", kubeconfig, *words, stdin=stdin)
