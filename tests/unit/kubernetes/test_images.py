"""An image that a node has, by whatever of its names."""

import pytest

from landbridge.drivers.kubernetes.cluster import connect
from landbridge.drivers.kubernetes.images import on_a_node, to_fetch, whole

from .api_server import ApiServer, Object


def node(*names: str, **spec: object) -> Object:
    return {"metadata": {"name": "n1"}, "spec": spec, "status": {"images": [{"names": list(names)}]}}


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.11", "docker.io/library/python:3.11"),
        ("team/serve:1", "docker.io/team/serve:1"),
        ("localhost/serve", "localhost/serve:latest"),
        ("registry.test:5000/serve", "registry.test:5000/serve:latest"),
        ("registry.test/a/b@sha256:0f", "registry.test/a/b@sha256:0f"),
    ],
)
def test_a_name_is_completed_as_runtimes_do(short: str, full: str) -> None:
    assert whole(short) == full
    assert whole(full) == full


@pytest.mark.parametrize(
    ("nodes", "known"),
    [
        ([], False),
        ([node("docker.io/library/python:3.11", "docker.io/library/python@sha256:0f")], True),
        ([node("docker.io/library/python:3.12")], False),
        ([node("docker.io/library/python:3.11", unschedulable=True)], False),
        ([{"metadata": {"name": "n1"}}], False),
    ],
    ids=["no-node", "there", "another-tag", "cordoned", "says-nothing"],
)
def test_a_node_that_takes_pods_must_name_it(api: ApiServer, nodes: list[Object], known: bool) -> None:
    for item in nodes:
        api.put("nodes", item)
    assert on_a_node(connect(api.kubeconfig, "", "team"), "python:3.11") is known


def test_an_account_that_may_not_see_nodes_cannot_tell(api: ApiServer) -> None:
    api.fails["GET nodes"] = [403]
    assert on_a_node(connect(api.kubeconfig, "", "team"), "python:3.11") is None


def test_only_an_image_that_is_known_to_be_missing_is_told(api: ApiServer) -> None:
    api.put("nodes", node("docker.io/library/python:3.11"))
    cluster = connect(api.kubeconfig, "", "team")
    assert to_fetch(cluster, "python:3.11") == ()
    (told,) = to_fetch(cluster, "serve:1")
    assert "no node names the image serve:1" in told.detail
    api.fails["GET nodes"] = [403]
    assert to_fetch(cluster, "serve:1") == ()
