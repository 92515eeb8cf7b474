"""How large a cluster's nodes are when they are empty: whether it makes sense to wait for room."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.capacity import total_of
from landbridge.drivers.kubernetes.cluster import NODES, Cluster

Verdict = TypeVar("Verdict")
Sizes = Sequence[Resources] | None

KEPT_SECONDS = 10.0  # a thousand nodes are 7 MB to read, and change rarely


class NodeSizes:
    """The sizes of one cluster's nodes, read when they are asked for."""

    def __init__(self) -> None:
        self._read: tuple[float, Sizes] = (float("-inf"), None)

    def judge(self, cluster: Cluster, verdict: Callable[[Sizes], Verdict], ends: Callable[[Verdict], bool]) -> Verdict:
        """The verdict by sizes that are ten seconds old at most; one that `ends` something rests on sizes of this moment."""
        began = time.monotonic()
        found = verdict(self._at_least(cluster, began - KEPT_SECONDS))
        return verdict(self._at_least(cluster, began)) if ends(found) else found

    def _at_least(self, cluster: Cluster, moment: float) -> Sizes:
        if self._read[0] < moment:
            self._read = time.monotonic(), _sizes(cluster)
        return self._read[1]


def _sizes(cluster: Cluster) -> Sizes:
    """None when this account may not ask: a team need not see the cluster's nodes."""
    try:
        return [total_of(node) for node in cluster.items(NODES)]
    except LandbridgeError:
        return None
