"""A team's place on a cluster: a namespace, a bucket in the site's object store, and the target options that name both."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import s3fs

from landbridge.domain.inventory import InstanceType, Inventory, Role, Site, Target
from landbridge.domain.values import Resources, SiteKind
from tests.cluster.clusters import Cluster, named, unique
from tests.cluster.training import object_store

GATEWAY = os.environ.get("LANDBRIDGE_TEST_GATEWAY", "landbridge-edge/edge")
IMAGE = os.environ.get("LANDBRIDGE_TEST_SERVE_IMAGE", "landbridge.test/serve:1")
TARGET = "serving"
NOWHERE = "https://127.0.0.1:1"  # nobody listens there
LOST = InstanceType("lost", Resources(100, 256 << 20), Resources(1000, 1 << 30), {"pool": "nowhere"})
SMALL = InstanceType("small", Resources(50, 256 << 20), Resources(2000, 1 << 30))
DEFAULT = InstanceType("defaultinstancetype", Resources(50, 256 << 20), Resources(2000, 1 << 30))
"""The lab's nodes are small: what a pod asks for by default would let in only a few at a time."""


@dataclass(frozen=True)
class Team:
    cluster: Cluster
    namespace: str
    options: dict[str, Any]

    def inventory(self, home: Path, **changes: Any) -> Inventory:
        """An inventory whose one target serves here; `changes` are further options, None takes one away."""
        options = {key: value for key, value in {**self.options, **changes}.items() if value is not None}
        types = (LOST, SMALL, DEFAULT)
        target = Target(TARGET, "onprem", "kubernetes", frozenset({Role.SERVE}), TARGET, options, types)
        site = Site("onprem", SiteKind.ONPREM, f"file://{home}/models", f"file://{home}/cache", 1 << 30)
        return Inventory("test", f"{home}/inventory.yaml", str(home), {"onprem": site}, {TARGET: target}, {})

    def down(self, home: Path) -> Inventory:
        """The same, of a cluster that does not answer."""
        home.mkdir(parents=True, exist_ok=True)
        config = home / "kubeconfig"
        config.write_text(
            f"apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: x, cluster: {{server: '{NOWHERE}'}}}}]\n"
            "contexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {token: x}}]\n"
        )
        return self.inventory(home, kubeconfig=str(config))


def make_namespace(cluster: Cluster, name: str) -> None:
    """With the restricted Pod Security Standard, and the keys of the site's object store as pods have them."""
    store = object_store(cluster)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    keys = {
        "AWS_ACCESS_KEY_ID": store["access_key"],
        "AWS_SECRET_ACCESS_KEY": store["secret_key"],
        "AWS_DEFAULT_REGION": store["region"],
    }
    secret = {key: base64.b64encode(value.encode()).decode() for key, value in keys.items()}
    cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {**named("Secret", "store", name), "data": secret},
    )


@contextmanager
def a_team(cluster: Cluster) -> Iterator[Team]:
    """Make one, and take it away afterwards."""
    store = object_store(cluster)
    name = unique("team")
    make_namespace(cluster, name)
    shared = {
        "endpoint_url": store["endpoint"],
        "client_kwargs": {"region_name": store["region"]},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }
    s3fs.S3FileSystem(key=store["access_key"], secret=store["secret_key"], skip_instance_cache=True, **shared).mkdir(
        name
    )
    prefix = cluster.name.upper()
    os.environ |= {f"{prefix}_STORE_KEY": store["access_key"], f"{prefix}_STORE_SECRET": store["secret_key"]}
    options = {
        "kubeconfig": str(cluster.kubeconfig),
        "namespace": name,
        "artifacts": f"s3://{name}/landbridge",
        "storage": {"key": f"secret:{prefix}_STORE_KEY", "secret": f"secret:{prefix}_STORE_SECRET", **shared},
        "storage_secret": "store",
        "gateway": GATEWAY,
        "serving_image": IMAGE,
        "image_pull_policy": "Never",
    }
    try:
        yield Team(cluster, name, options)
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
