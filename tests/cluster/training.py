"""What tests of training on a cluster share: the target's options, by the lab's object store."""

import json
import os
import uuid

import pytest

from landbridge.domain.values import Json
from tests.cluster.clusters import Cluster

IMAGE = os.environ.get("LANDBRIDGE_TEST_TRAIN_IMAGE", "landbridge.test/train:1")
BUCKET = "landbridge-tests"


def options_of(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Json]:
    """Options of a target in `namespace`; its object store is the site's, keys stand in variables of this process."""
    store = object_store(cluster)
    name = cluster.name.upper()
    monkeypatch.setenv(f"{name}_STORE_KEY", store["access_key"])
    monkeypatch.setenv(f"{name}_STORE_SECRET", store["secret_key"])
    storage: dict[str, Json] = {
        "endpoint_url": store["endpoint"],
        "key": f"secret:{name}_STORE_KEY",
        "secret": f"secret:{name}_STORE_SECRET",
        "client_kwargs": {"region_name": store["region"]},
    }
    make_bucket(store)
    return {
        "kubeconfig": str(cluster.kubeconfig),
        "namespace": namespace,
        "artifacts": f"s3://{BUCKET}/{namespace}-{uuid.uuid4().hex[:6]}",
        "storage": storage,
        "image_pull_policy": "IfNotPresent",
    }


def object_store(cluster: Cluster) -> dict[str, str]:
    """Endpoint, keys and region: the lab's, or as LANDBRIDGE_TEST_STORE_<SITE> says in JSON."""
    given = os.environ.get(f"LANDBRIDGE_TEST_STORE_{cluster.name.upper()}")
    if given:
        found: dict[str, str] = json.loads(given)
        return found
    if cluster.site is None:
        pytest.fail(
            f"LANDBRIDGE_TEST_STORE_{cluster.name.upper()} names no object store for this cluster", pytrace=False
        )
    return dict(json.loads((cluster.site.run / "objectstore.json").read_text()))


def make_bucket(store: dict[str, str]) -> None:
    import s3fs

    fs = s3fs.S3FileSystem(
        key=store["access_key"], secret=store["secret_key"], endpoint_url=store["endpoint"],
        client_kwargs={"region_name": store["region"]},
    )  # fmt: skip
    if not fs.exists(BUCKET):
        fs.mkdir(BUCKET)
