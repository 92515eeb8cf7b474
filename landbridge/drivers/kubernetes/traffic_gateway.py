"""Traffic through a Gateway (https://gateway-api.sigs.k8s.io): one HTTPRoute per endpoint, any percent.

Requests go where clients send theirs: to an address of the Gateway. So a prediction proves the way that clients take.
"""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from landbridge.domain.errors import InputError, NotFoundError, PermanentError, TargetUnavailableError
from landbridge.drivers.kubernetes.cluster import Cluster, connect
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.routes import (
    Backend,
    Gateway,
    acceptance,
    endpoint_path,
    http_route,
    read_weights,
)
from landbridge.drivers.kubernetes.traffic import (
    GATEWAYS,
    HTTP_ROUTES,
    PING,
    POLL_SECONDS,
    SCORE,
    Answer,
    Object,
)
from landbridge.runner.model_server import COLOUR_HEADER

if TYPE_CHECKING:
    import httpx

ASK_SECONDS = 2.0
ADDRESS_SECONDS = 30.0  # a Gateway's address changes rarely; the next look after that finds it
_addresses: dict[tuple[str, ...], tuple[float, str]] = {}


class GatewayTraffic:
    """`Traffic` by HTTPRoute weights."""

    kind = HTTP_ROUTES
    percents = frozenset(range(101))

    def __init__(self, cluster: Cluster, gateway: Gateway, options: KubernetesOptions) -> None:
        self._cluster, self._gateway, self._options = cluster, gateway, options
        self._key = (options.kubeconfig, options.context, gateway.namespace, gateway.name)

    def read(self, written: Object, colours: Iterable[str]) -> dict[str, int]:
        found = read_weights(written)
        return {**dict.fromkeys(colours, 0), **found}

    def body(self, endpoint: str, backends: Iterable[Backend], weights: Mapping[str, int]) -> Object:
        return http_route(endpoint, self._gateway, backends, weights)

    def settle(self, written: Object, deadline: float) -> None:
        name = str(written["metadata"]["name"])
        while True:
            route = self._cluster.find(HTTP_ROUTES, name)
            if route is None:
                return
            said = acceptance(route, self._gateway)
            if said.refusal:
                raise PermanentError(
                    f"Gateway {self._gateway.namespace}/{self._gateway.name} refuses route {name}: {said.refusal}.",
                    "Let a listener of the Gateway admit routes from this namespace (`allowedRoutes`), or correct `gateway:`.",
                )
            if said.done:
                return
            if time.monotonic() > deadline:
                raise TargetUnavailableError(
                    f"Gateway {self._gateway.namespace}/{self._gateway.name} has not taken up route {name}.",
                    "Check that the Gateway exists and its controller runs.",
                )
            time.sleep(POLL_SECONDS)

    def send(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Answer:
        headers = {"content-type": "application/json"} | ({COLOUR_HEADER: colour} if colour else {})
        with self._http(timeout_seconds) as http:
            began = time.perf_counter()
            response = self._request(http, "POST", f"{self._path(endpoint)}{SCORE}", body, headers)
            spent = (time.perf_counter() - began) * 1000
        return Answer(response.status_code, response.text, spent, response.headers.get(COLOUR_HEADER, ""))

    def ask(self, endpoint: str) -> str:
        with self._http(ASK_SECONDS) as http:
            response = self._request(http, "GET", f"{self._path(endpoint)}{PING}", "", {})
        return str(response.headers.get(COLOUR_HEADER, ""))

    def url(self, endpoint: str) -> str:
        return f"{self._path(endpoint)}{SCORE}"

    def _path(self, endpoint: str) -> str:
        return f"{self._address()}{endpoint_path(endpoint)}"

    def _http(self, timeout_seconds: float) -> "httpx.Client":
        """A client of one connection. Certificates are read only where there is something to check."""
        import httpx

        return httpx.Client(verify=self._address().startswith("https"), timeout=timeout_seconds)

    def _request(
        self, http: "httpx.Client", method: str, url: str, body: str, headers: Mapping[str, str]
    ) -> "httpx.Response":
        import httpx

        try:
            return http.request(method, url, content=body.encode() or None, headers=headers)
        except httpx.TransportError as error:
            raise TargetUnavailableError(
                f"{url} did not answer: {error or type(error).__name__}.",
                "Check the way to the Gateway; set `gateway_url:` when it is reached by another address.",
            ) from error
        except httpx.InvalidURL as error:
            raise InputError(f"{url} is no URL: {error}.", "Correct `gateway_url:` of the target.") from error

    def _address(self) -> str:
        if self._options.gateway_url:
            return self._options.gateway_url.rstrip("/")
        at, address = _addresses.get(self._key, (0.0, ""))
        if not address or time.monotonic() - at > ADDRESS_SECONDS:
            address = self._asked_address()
            _addresses[self._key] = (time.monotonic(), address)
        return address

    def _asked_address(self) -> str:
        label = f"Gateway {self._gateway.namespace}/{self._gateway.name}"
        there = connect(self._options.kubeconfig, self._options.context, self._gateway.namespace)
        try:
            gateway = there.get(GATEWAYS, self._gateway.name)
        except NotFoundError as error:
            raise PermanentError(f"There is no {label}.", "Create it, or correct `gateway:` of the target.") from error
        address = read_address(gateway)
        if not address:
            hint = "Wait until its controller has given it one, or set `gateway_url:`."
            raise TargetUnavailableError(f"{label} has no address.", hint)
        return address


def read_address(gateway: Object) -> str:
    """The URL of the first HTTP or HTTPS listener at the first address, or ""."""
    addresses = (gateway.get("status") or {}).get("addresses") or ()
    listeners = [item for item in gateway["spec"].get("listeners") or () if item.get("protocol") in ("HTTP", "HTTPS")]
    if not addresses or not listeners:
        return ""
    scheme, port = str(listeners[0]["protocol"]).lower(), int(listeners[0]["port"])
    host = str(addresses[0]["value"])
    usual = {"http": 80, "https": 443}[scheme] == port
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{'' if usual else f':{port}'}"
