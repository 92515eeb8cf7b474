"""Ask a colour's pods what they answered, through the API server's proxy: any router will do, and none need be asked."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.requests import RequestCounts
from landbridge.drivers.kubernetes.cluster import PODS, Cluster, Request
from landbridge.drivers.kubernetes.colour_manifests import POD_PORT
from landbridge.drivers.kubernetes.serving_phase import pods_of
from landbridge.runner.model_server import COUNTS_PATH

ASK_SECONDS = 2.0
AT_ONCE = 8


def count(cluster: Cluster, deployment: dict[str, Any], pods: Iterable[dict[str, Any]]) -> RequestCounts:
    """The sum over the pods of the present order; one that does not tell (it starts, it ends) counts nothing."""
    names = [str(pod["metadata"]["name"]) for pod in pods_of(deployment, pods)]
    if len(names) < 2:
        told = [_told(cluster, name) for name in names]
    else:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = list(pool.map(lambda name: _told(cluster, name), names))
    answered, failed, milliseconds = (sum(item[place] for item in told) for place in range(3))
    return RequestCounts(int(answered), int(failed), milliseconds / answered if answered else 0.0)


def _told(cluster: Cluster, pod: str) -> tuple[int, int, float]:
    path = f"{cluster.path(PODS, f'http:{pod}:{POD_PORT}')}/proxy{COUNTS_PATH}"
    try:
        request = Request("GET", path, f"counting the answers of pod {pod}", seconds=ASK_SECONDS)
        said = json.loads(cluster.raw(request))
        return int(said["answered"]), int(said["failed"]), float(said["milliseconds"])
    except (LandbridgeError, ValueError, KeyError, TypeError):
        return 0, 0, 0.0
