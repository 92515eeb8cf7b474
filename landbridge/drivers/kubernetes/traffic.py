"""What moves traffic on a cluster, as serving sees it: `traffic_gateway`, or `traffic_flip` by the selector of a Service."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from landbridge.domain.errors import TargetUnavailableError
from landbridge.drivers.kubernetes.cluster import Kind
from landbridge.drivers.kubernetes.routes import Backend

Object = dict[str, Any]

HTTP_ROUTES = Kind("gateway.networking.k8s.io/v1", "httproutes")
GATEWAYS = Kind("gateway.networking.k8s.io/v1", "gateways")
DEPLOYMENTS = Kind("apps/v1", "deployments")
SLICES = Kind("discovery.k8s.io/v1", "endpointslices")
BUDGETS = Kind("policy/v1", "poddisruptionbudgets")
AUTOSCALERS = Kind("autoscaling/v2", "horizontalpodautoscalers")

SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.02
FEWEST_PROOFS, MOST_PROOFS = 20, 300
PING = "/ping"
SCORE = "/score"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through the router; `colour` is "" when no model answered."""

    status: int
    text: str
    milliseconds: float
    colour: str


class Traffic(Protocol):
    """One way to move traffic. The object that holds the weights is of `kind` and has the route's name."""

    kind: Kind
    percents: frozenset[int]  # what a colour may get

    def read(self, written: Object, colours: Iterable[str]) -> dict[str, int]:
        """The weights that `written` holds."""

    def body(self, endpoint: str, backends: Iterable[Backend], weights: Mapping[str, int]) -> Object:
        """The object for these weights."""

    def settle(self, written: Object, deadline: float) -> None:
        """Wait until what carries requests has taken `written` up. `deadline`: of `time.monotonic`."""

    def send(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Answer:
        """One prediction, as a client sends it."""

    def ask(self, endpoint: str) -> str:
        """Who answers a new connection that names no colour: a colour, or ""."""

    def url(self, endpoint: str) -> str:
        """Where clients send their requests."""


def proofs(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """How many answers in a row must be right: ten times as many as the smallest share that was taken needs to show once."""
    taken = [weight for colour, weight in before.items() if weight and not after.get(colour)]
    return max(FEWEST_PROOFS, min(MOST_PROOFS, 1000 // min(taken))) if taken else FEWEST_PROOFS


def confirm(ask: Callable[[], str], allowed: frozenset[str], count: int, deadline: float) -> None:
    """Ask until `count` answers in a row came from `allowed` colours (or, when none is, from nobody).

    What it proves: each of these new connections met a router that has the new weights. With k routers (or threads of one)
    of which one lags, all miss it with probability (1 - 1/k)^count: 10^-6 for 2, 0.3 % for 4 at the least count of 20. It
    proves nothing for connections that were open before, nor for routers that our connections never reach.

    Raises:
        TargetUnavailableError: not before the deadline.
    """
    row, last = 0, ""
    while row < count:
        last = ask()
        right = last in allowed if allowed else not last
        row = row + 1 if right else 0
        if row < count and time.monotonic() > deadline:
            wanted = " or ".join(sorted(allowed)) or "nobody"
            raise TargetUnavailableError(
                f"The traffic was ordered to go to {wanted}, but a request was answered by {last or 'nobody'} after "
                f"{SETTLE_SECONDS:g} s still.",
                "Check that the Gateway's controller runs; then shift again.",
            )
        if not right:
            time.sleep(POLL_SECONDS)
