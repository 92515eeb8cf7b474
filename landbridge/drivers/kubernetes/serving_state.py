"""Endpoints, read from the cluster: their colours' Deployments, the object that holds the traffic, and their pods."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge.domain.requests import ColourStatus
from landbridge.domain.values import ColourPhase
from landbridge.drivers.kubernetes.cluster import PODS, Cluster, paced
from landbridge.drivers.kubernetes.colours import backend_of, selector, told
from landbridge.drivers.kubernetes.node_sizes import NodeSizes, Sizes
from landbridge.drivers.kubernetes.routes import COLOUR, ENDPOINT, Backend, route_name
from landbridge.drivers.kubernetes.serving_phase import Sight, colour_status, needs_nodes
from landbridge.drivers.kubernetes.sharing import controllers_pace, selectors
from landbridge.drivers.kubernetes.traffic import DEPLOYMENTS, Traffic
from landbridge.drivers.sharing import Shared

Object = dict[str, Any]
Statuses = dict[str, ColourStatus]


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


class EndpointReader:
    """Reads the endpoints of one namespace, for all who follow one in this process."""

    def __init__(self) -> None:
        self._shared: Shared[tuple[Seen, Statuses]] = Shared()
        self._pace = controllers_pace()
        self._sizes = NodeSizes()

    def seen(self, cluster: Cluster, traffic: Traffic, endpoint: str) -> tuple[Seen, Statuses] | None:
        """An endpoint and its colours as they are now, None when it has none. May wait: for others' reading, then its turn."""
        return self._shared.of(endpoint, lambda names: self._read(paced(cluster, self._pace.wait), traffic, names))

    def statuses(self, cluster: Cluster, seen: Seen) -> Statuses:
        """Every colour of one endpoint, before something of it is changed."""
        return self._judged(cluster, seen, cluster.items(PODS, selector(seen.endpoint)) if seen.deployments else [])

    def _judged(self, cluster: Cluster, seen: Seen, pods: Sequence[Object]) -> Statuses:
        def by(sizes: Sizes) -> Statuses:
            sight = Sight(pods, time.time(), sizes)
            return {name: colour_status(item, sight) for name, item in seen.deployments.items()}

        return self._sizes.judge(cluster, by, _ends_one) if needs_nodes(pods) else by(None)

    def _read(self, cluster: Cluster, traffic: Traffic, names: Sequence[str]) -> dict[str, tuple[Seen, Statuses]]:
        parts = list(selectors(ENDPOINT, names))
        deployments = _by_endpoint(item for part in parts for item in cluster.items(DEPLOYMENTS, part))
        routers = {str(item["metadata"]["name"]): item for part in parts for item in cluster.items(traffic.kind, part)}
        pods = _by_endpoint(item for part in parts for item in cluster.items(PODS, part))
        found = {}
        for name in names:
            seen = _seen(name, deployments[name], routers.get(route_name(name)), traffic)
            if seen.deployments:
                found[name] = seen, self._judged(cluster, seen, pods[name])
        return found


def look(cluster: Cluster, traffic: Traffic, endpoint: str) -> Seen:
    """Read one endpoint, before something of it is changed."""
    deployments = cluster.items(DEPLOYMENTS, selector(endpoint))
    return _seen(endpoint, deployments, cluster.find(traffic.kind, route_name(endpoint)), traffic)


def _seen(endpoint: str, found: Sequence[Object], router: Object | None, traffic: Traffic) -> Seen:
    """A Deployment on its way out is no colour any more."""
    deployments = {told(item, COLOUR): item for item in found if "deletionTimestamp" not in item["metadata"]}
    weights = traffic.read(router, deployments) if router else dict.fromkeys(deployments, 0)
    held = {colour: weight for colour, weight in weights.items() if colour in deployments or weight}
    return Seen(endpoint, deployments, router, held)


def _by_endpoint(items: Iterable[Object]) -> dict[str, list[Object]]:
    found = defaultdict(list)
    for item in items:
        found[item["metadata"]["labels"][ENDPOINT]].append(item)
    return found


def _ends_one(found: Statuses) -> bool:
    return any(status.phase is ColourPhase.FAILED for status in found.values())
