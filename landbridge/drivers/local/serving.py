"""Local serving as a driver: a thin client of the agent in the `landbridge up` process, and of its router."""

import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge import settings
from landbridge.client import decode_error
from landbridge.domain.errors import NotFoundError, PermanentError, TargetUnavailableError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.plan import Finding
from landbridge.domain.requests import ColourSpec, EndpointStatus, Prediction, RequestCounts
from landbridge.drivers.faults import translated
from landbridge.drivers.findings import require_possible
from landbridge.drivers.local import serving_wire as wire
from landbridge.drivers.local.serving_findings import findings
from landbridge.drivers.local.serving_record import ServingRecord
from landbridge.drivers.local.xds import COLOUR_HEADER, LISTENER, endpoint_path
from landbridge.ports import ServingTarget

if TYPE_CHECKING:
    import httpx

ASK_SECONDS = 30.0
END_SECONDS = 60.0  # a colour is ended after its requests in flight
_UP_HINT = "Start the services with `landbridge up`."


def connect(target: Target, inventory: Inventory) -> ServingTarget:
    """Connect to `target`; asks nobody."""
    return LocalServing(target, inventory)


class LocalServing:
    """`ServingTarget`, `CanShiftTraffic`, `CanCountRequests` and `CanListEndpoints` on this machine."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target, self._inventory = target, inventory

    def apply(self, colour: ColourSpec) -> None:
        require_possible(colour, self.findings(colour))
        self._ask("PUT", f"/endpoints/{colour.endpoint}/colours/{colour.colour}", wire.spec_to_json(colour))

    def observe(self, endpoint: str) -> EndpointStatus:
        return wire.status_from_json(self._ask("GET", f"/endpoints/{endpoint}"))

    def predict(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Prediction:
        import httpx

        headers = {"content-type": "application/json"} | ({COLOUR_HEADER: colour} if colour else {})
        url = f"http://{LISTENER}:{self._port()}{endpoint_path(endpoint)}"
        began = time.perf_counter()
        try:
            with _http("") as http:
                answer = http.post(url, content=body.encode(), headers=headers, timeout=timeout_seconds)
        except httpx.TransportError as error:
            raise TargetUnavailableError(
                f"Endpoint {endpoint} on {self._target.name} did not answer: {error or type(error).__name__}.",
                "See `landbridge status`; start the services with `landbridge up` if they are down.",
            ) from error
        spent = (time.perf_counter() - began) * 1000
        if COLOUR_HEADER not in answer.headers:
            raise self._unanswered(endpoint, colour, answer)
        return Prediction(answer.status_code, answer.text, spent, answer.headers[COLOUR_HEADER])

    def remove(self, endpoint: str, colour: str) -> None:
        self._ask("DELETE", f"/endpoints/{endpoint}/colours/{colour}", wait_seconds=END_SECONDS)

    def findings(self, colour: ColourSpec) -> tuple[Finding, ...]:
        return findings(colour, self._target)

    def shift(self, endpoint: str, weights: Mapping[str, int]) -> None:
        self._ask("PUT", f"/endpoints/{endpoint}/traffic", dict(weights))

    def counts(self, endpoint: str) -> Mapping[str, RequestCounts]:
        return wire.counts_from_json(self._ask("GET", f"/endpoints/{endpoint}/counts"))

    def endpoints(self) -> tuple[str, ...]:
        return tuple(self._ask("GET", "/endpoints"))

    def _unanswered(self, endpoint: str, colour: str, answer: "httpx.Response") -> Exception:
        """The router's own answer: no model has seen the request."""
        which = f"{colour or 'a colour'} of endpoint {endpoint} on {self._target.name}"
        if answer.status_code == 404:
            return NotFoundError(f"There is no {which}.", "Apply it first; see `landbridge status` for what there is.")
        return TargetUnavailableError(
            f"No answer from {which}: status {answer.status_code}, {answer.text[:200]}.",
            f"See its log below {ServingRecord(self._inventory.home, self._target).folder}.",
        )

    def _port(self) -> int:
        with translated(f"finding the port of target {self._target.name!r}"):
            port = ServingRecord(self._inventory.home, self._target).port
        if not port:
            raise TargetUnavailableError(f"Target {self._target.name} has never been up.", _UP_HINT)
        return port

    def _ask(self, method: str, path: str, body: Any = None, wait_seconds: float = ASK_SECONDS) -> Any:
        import httpx

        control = settings.control_socket(Path(self._inventory.home))
        url = f"http://landbridge/sites/{self._target.name}{path}"
        if not _is_served(control):
            raise TargetUnavailableError(f"Target {self._target.name} is not up.", _UP_HINT)
        try:
            with _http(str(control)) as http:
                response = http.request(method, url, json=body, timeout=wait_seconds)
        except httpx.TransportError as error:
            raise TargetUnavailableError(
                f"Target {self._target.name} did not answer {method} {path}: {error or type(error).__name__}.", _UP_HINT
            ) from error
        return self._read(response, f"{method} {path}")

    def _read(self, response: "httpx.Response", asked: str) -> Any:
        try:
            payload = response.json()
            if "error" in payload:
                raise decode_error(payload)
            return payload["answer"]
        except (ValueError, KeyError, TypeError) as error:
            raise PermanentError(
                f"Target {self._target.name} is unknown to the services that are up (status {response.status_code} to {asked}).",
                "Restart them, so that they read the inventory again: `landbridge down`, then `landbridge up`.",
            ) from error


def _is_served(path: Path) -> bool:
    """A killed host leaves its socket. httpx would find out too, but leaves a half-open one of its own behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _http(path: str) -> "httpx.Client":
    """A client of one Unix socket, or of TCP for "". Costs 0.5 ms: no certificates are read, no proxy is used."""
    import httpx

    transport = httpx.HTTPTransport(uds=path or None, verify=False)
    return httpx.Client(transport=transport, trust_env=False)
