"""Traffic where there is no Gateway: one Service per endpoint selects the pods of one colour. All or nothing.

A client that keeps its connection open stays with the colour it has until it connects again: nodes choose a pod per
connection, not per request. Requests of ours go through the API server's proxy, so that no way into the cluster is needed.
"""

import json
import time
from collections.abc import Iterable, Mapping

from landbridge.domain.errors import ConflictError, TargetUnavailableError
from landbridge.drivers.kubernetes.cluster import PODS, SERVICES, Cluster, Request, exchange
from landbridge.drivers.kubernetes.colour_manifests import PORT_NAME
from landbridge.drivers.kubernetes.colours import colour_object, selector
from landbridge.drivers.kubernetes.routes import COLOUR, ENDPOINT, PORT, Backend, flip_service, read_flip, route_name
from landbridge.drivers.kubernetes.traffic import PING, POLL_SECONDS, SCORE, SLICES, Answer, Object
from landbridge.runner.model_server import COLOUR_HEADER

ASK_SECONDS = 2.0


class FlipTraffic:
    """`Traffic` by the selector of a Service."""

    kind = SERVICES
    percents = frozenset({0, 100})

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self, written: Object, colours: Iterable[str]) -> dict[str, int]:
        return read_flip(written, colours)

    def body(self, endpoint: str, backends: Iterable[Backend], weights: Mapping[str, int]) -> Object:  # noqa: ARG002
        return flip_service(endpoint, weights, PORT_NAME)

    def settle(self, written: Object, deadline: float) -> None:
        """Until the Service leads to pods of the colour, and to no others. Nodes follow within moments; nothing tells when."""
        name, labels = str(written["metadata"]["name"]), written["metadata"]["labels"]
        colour = written["spec"]["selector"].get(COLOUR, "")
        while True:
            wanted = set()
            if colour:
                pods = self._cluster.items(PODS, selector(labels[ENDPOINT], colour))
                wanted = {pod["metadata"]["name"] for pod in pods}
            slices = self._cluster.items(SLICES, f"kubernetes.io/service-name={name}")
            found = {target for item in slices for target in _ready_targets(item)}
            if found <= wanted and bool(found) == bool(colour):
                return
            if time.monotonic() > deadline:
                hint = "Check that the cluster's controller manager runs; then shift again."
                raise TargetUnavailableError(f"Service {name} does not lead to {colour or 'nobody'} yet.", hint)
            time.sleep(POLL_SECONDS)

    def send(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Answer:
        service = colour_object(endpoint, colour) if colour else route_name(endpoint)
        return self._exchange("POST", service, SCORE, body, timeout_seconds)

    def ask(self, endpoint: str) -> str:
        return self._exchange("GET", route_name(endpoint), PING, "", ASK_SECONDS).colour

    def url(self, endpoint: str) -> str:
        return f"http://{route_name(endpoint)}.{self._cluster.namespace}.svc{SCORE}"

    def _exchange(self, method: str, service: str, path: str, body: str, seconds: float) -> Answer:
        address = f"{self._cluster.path(SERVICES, f'http:{service}:{PORT}')}/proxy{path}"
        began = time.perf_counter()
        status, headers, text = exchange(self._cluster, _request(method, address, body, seconds))
        spent = (time.perf_counter() - began) * 1000
        return Answer(status, text, spent, headers.get(COLOUR_HEADER, ""))


def _request(method: str, address: str, body: str, seconds: float) -> Request:
    doing = f"asking {address}"
    try:
        content = json.loads(body) if body else None
    except ValueError:  # what that means is for the model server to say
        return Request(method, address, doing, body, media="text/plain", seconds=seconds)
    return Request(method, address, doing, content, seconds=seconds)


def require_ours(service: Object, endpoint: str) -> None:
    """Raises ConflictError when the Service of that name is somebody else's."""
    if (service["metadata"].get("labels") or {}).get(ENDPOINT) != endpoint:
        name = service["metadata"]["name"]
        raise ConflictError(f"Service {name} is there, and is not of endpoint {endpoint}.", "Rename the endpoint.")


def _ready_targets(part: Object) -> list[str]:
    return [
        str((item.get("targetRef") or {}).get("name", ""))
        for item in part.get("endpoints") or ()
        if (item.get("conditions") or {}).get("ready")
    ]
