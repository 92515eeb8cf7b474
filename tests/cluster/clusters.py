"""The two clusters as tests see them: the lab's own, or any that kubeconfigs name."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kubernetes import client, config

from tests.cluster.lab.images import TRAIN
from tests.cluster.lab.programs import kubectl
from tests.cluster.lab.settings import Site

Value = TypeVar("Value")

RESTRICTED: dict[str, Any] = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What a container must say to be let into a namespace with the restricted Pod Security Standard."""


@dataclass(frozen=True)
class Cluster:
    """One cluster, reached as its administrator."""

    name: str
    kubeconfig: Path
    site: Site | None = None
    """The lab's own record of it; None for a cluster that somebody else runs."""

    def api(self) -> client.ApiClient:
        return config.new_client_from_config(str(self.kubeconfig))

    def own_site(self) -> Site:
        """Return the site, or skip: faults and addresses are the lab's own business."""
        if self.site is None:
            pytest.skip(f"{self.name} is given by kubeconfig: the lab does not run it, and cannot break it")
        return self.site

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return kubectl(self.kubeconfig, *words, stdin=stdin)

    def get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


@dataclass(frozen=True)
class Clusters:
    onprem: Cluster
    cloud: Cluster

    def both(self) -> tuple[Cluster, Cluster]:
        return self.onprem, self.cloud


def eventually(read: Callable[[], Value], holds: Callable[[Value], object], seconds: float) -> Value:
    """Read until it holds, and return what was read; fail with the last reading."""
    end = time.monotonic() + seconds
    while not holds(value := read()):
        assert time.monotonic() < end, f"not within {seconds:g} s; last: {value}"
        time.sleep(0.1)
    return value


def unique(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


def named(kind: str, name: str, namespace: str, version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def python_pod(code: str, image: str = TRAIN, **container: Any) -> dict[str, Any]:
    """Return a pod's spec that runs Python without root, as strict as the strictest namespace wants it."""
    one = {"name": "main", "image": image, "command": ["python3", "-c", code], "securityContext": RESTRICTED}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [{**one, **container}],
    }


def run_job(cluster: Cluster, namespace: str, code: str, seconds: float = 60) -> str:
    """Run Python in a Job of the training image and return what it printed.

    Raises:
        AssertionError: it failed, or did not end in time; with its conditions and its log.
    """
    name = unique("job")
    template = {"spec": python_pod(code)}
    cluster.apply({**named("Job", name, namespace, "batch/v1"), "spec": {"backoffLimit": 0, "template": template}})
    status = eventually(
        lambda: cluster.get("job", name, "-n", namespace)["status"],
        lambda status: status.get("succeeded") or status.get("failed"),
        seconds,
    )
    printed = cluster.kubectl("logs", f"job/{name}", "-n", namespace)
    assert status.get("succeeded"), f"{status}: {printed}"
    return printed
