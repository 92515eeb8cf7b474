"""Whether a node has an image already, as the nodes themselves tell: to fetch it counts against the time of a deployment."""

from landbridge.domain.plan import Finding, FindingKind
from landbridge.drivers.kubernetes.capacity import DEADLINE_SECONDS, allowed, is_closed
from landbridge.drivers.kubernetes.cluster import NODES, Cluster

HUB = "docker.io"


def to_fetch(cluster: Cluster, image: str) -> tuple[Finding, ...]:
    """A note, if no node has it. Nothing is said where this account may not see nodes."""
    if on_a_node(cluster, image) is not False:
        return ()
    detail = f"no node names the image {image} yet: the first pod fetches it, within the time of a deployment"
    return (Finding("environment.image", FindingKind.NOTE, detail, "Fetch it there beforehand if the link is slow."),)


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
