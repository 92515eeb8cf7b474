"""An endpoint, read from the cluster: its colours' Deployments and the object that holds its traffic."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.requests import ColourStatus
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.capacity import total_of
from landbridge.drivers.kubernetes.cluster import NODES, PODS, Cluster
from landbridge.drivers.kubernetes.colours import backend_of, selector, told
from landbridge.drivers.kubernetes.routes import COLOUR, Backend, route_name
from landbridge.drivers.kubernetes.serving_phase import Sight, colour_status, needs_nodes
from landbridge.drivers.kubernetes.traffic import DEPLOYMENTS, Traffic

Object = dict[str, Any]


READ_EVERY_SECONDS = 0.1  # a reading takes 4 requests; loops that wait for a colour ask as often as they can
_read_at: dict[tuple[str, ...], float] = {}


def pace(place: tuple[str, ...]) -> None:
    """Let this process read one endpoint ten times a second at most: an API server has others to serve."""
    wait = _read_at.get(place, 0.0) + READ_EVERY_SECONDS - time.monotonic()
    if wait > 0:
        time.sleep(wait)
    _read_at[place] = time.monotonic()


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading. `router`: the HTTPRoute or the Service that holds the traffic, None when there is none."""

    endpoint: str
    deployments: Mapping[str, Object]
    router: Object | None
    traffic: Mapping[str, int]

    def backends(self) -> list[Backend]:
        """The colours in the order of their traffic's record, new ones last: what carries traffic keeps its place."""
        order = [*self.traffic, *self.deployments]
        return [backend_of(self.deployments[name]) for name in dict.fromkeys(order) if name in self.deployments]


def statuses(cluster: Cluster, seen: Seen) -> dict[str, ColourStatus]:
    """Every colour as it is now."""
    pods = cluster.items(PODS, selector(seen.endpoint)) if seen.deployments else []
    sight = Sight(pods, time.time(), _empty_nodes(cluster) if needs_nodes(pods) else None)
    return {name: colour_status(item, sight) for name, item in seen.deployments.items()}


def _empty_nodes(cluster: Cluster) -> list[Resources] | None:
    """What each node has; None when that may not be asked: a team need not see the cluster's nodes."""
    try:
        return [total_of(node) for node in cluster.items(NODES)]
    except LandbridgeError:
        return None


def look(cluster: Cluster, traffic: Traffic, endpoint: str) -> Seen:
    """Read the endpoint once. A Deployment on its way out is no colour any more."""
    found = [
        item for item in cluster.items(DEPLOYMENTS, selector(endpoint)) if "deletionTimestamp" not in item["metadata"]
    ]
    deployments = {told(item, COLOUR): item for item in found}
    router = cluster.find(traffic.kind, route_name(endpoint))
    weights = traffic.read(router, deployments) if router else dict.fromkeys(deployments, 0)
    held = {colour: weight for colour, weight in weights.items() if colour in deployments or weight}
    return Seen(endpoint, deployments, router, held)
