"""Whether a node has an image already, as the nodes themselves tell."""

from landbridge.drivers.kubernetes.capacity import DEADLINE_SECONDS, allowed, is_closed
from landbridge.drivers.kubernetes.cluster import NODES, Cluster

HUB = "docker.io"


def on_a_node(cluster: Cluster, image: str) -> bool | None:
    """Whether a node that takes pods names `image`; None for an account that may not see nodes.

    A kubelet names its 50 largest images only (`nodeStatusMaxImages`), so a small one may be there and not be named.
    """
    nodes = allowed(lambda: cluster.items(NODES, seconds=DEADLINE_SECONDS))
    if nodes is None:
        return None
    wanted = whole(image)
    return any(
        wanted in map(whole, found.get("names") or ())
        for node in nodes
        if not is_closed(node)
        for found in (node.get("status") or {}).get("images") or ()
    )


def whole(image: str) -> str:
    """The name in full, as container runtimes complete it: `python` is `docker.io/library/python:latest`."""
    first, _, rest = image.partition("/")
    if not rest:
        image = f"{HUB}/library/{image}"
    elif not {".", ":"} & set(first) and first != "localhost":
        image = f"{HUB}/{image}"
    last = image.rsplit("/", 1)[-1]
    return image if {":", "@"} & set(last) else f"{image}:latest"
