"""Serving on a cluster: a Deployment and a Service per colour, an HTTPRoute (or a Service) per endpoint.

All state lies in the cluster: the Deployment is the record of a colour, written last and deleted last; the route is the
record of the traffic. What is read and then written is written only if nobody wrote in between.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from landbridge.domain.errors import (
    CapabilityMissingError,
    ConflictError,
    NotFoundError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.plan import Finding
from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, Prediction, RequestCounts
from landbridge.domain.values import ColourPhase
from landbridge.drivers.faults import translated
from landbridge.drivers.findings import require_possible
from landbridge.drivers.kubernetes import colour_manifests as manifests
from landbridge.drivers.kubernetes.cluster import CONFIG_MAPS, PODS, SERVICES, Cluster, connect
from landbridge.drivers.kubernetes.colour_files import make_order
from landbridge.drivers.kubernetes.colours import (
    PROCESS,
    colour_object,
    process_of,
    relabelled,
    selector,
    told,
)
from landbridge.drivers.kubernetes.images import to_fetch
from landbridge.drivers.kubernetes.options import KubernetesOptions, read_options
from landbridge.drivers.kubernetes.pod_template import common_labels, mirrored
from landbridge.drivers.kubernetes.routes import ENDPOINT, Backend, check_weights, read_gateway, route_name
from landbridge.drivers.kubernetes.serving_counts import count
from landbridge.drivers.kubernetes.serving_findings import findings
from landbridge.drivers.kubernetes.serving_state import EndpointReader, Seen, look
from landbridge.drivers.kubernetes.traffic import (
    AUTOSCALERS,
    BUDGETS,
    DEPLOYMENTS,
    POLL_SECONDS,
    SETTLE_SECONDS,
    Answer,
    Traffic,
    confirm,
    proofs,
)
from landbridge.drivers.kubernetes.traffic_flip import FlipTraffic, require_ours
from landbridge.drivers.kubernetes.traffic_gateway import GatewayTraffic
from landbridge.drivers.sharing import the_one

Object = dict[str, Any]

ROUTER_STATUSES = (
    404,
    500,
    502,
    503,
)  # a router's own, while it does not know a colour yet; 504: the model may have seen it
WRITES = 8  # against a status that changes in between
PARTS = (BUDGETS, AUTOSCALERS, SERVICES)  # what has the colour's name, beside its Deployment


class KubernetesServing:
    """`ServingTarget` and every optional port beside it, in one namespace."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._options = read_options(target, inventory)

    def apply(self, colour: ColourSpec) -> None:
        with self._doing("applying a colour"):
            require_possible(colour, self.findings(colour))
            cluster, traffic = self._connect()
            seen = look(cluster, traffic, colour.endpoint)
            before = seen.deployments.get(colour.colour)
            if before and self._goes_on(cluster, seen, colour):
                after = cluster.patch(
                    DEPLOYMENTS, colour_object(colour.endpoint, colour.colour), relabelled(before, colour)
                )
            else:
                _require_idle(seen, colour.colour)
                after = self._start(cluster, colour, before)
            with_it = Seen(seen.endpoint, {**seen.deployments, colour.colour: after}, seen.router, seen.traffic)
            self._write_traffic(cluster, traffic, with_it, seen.traffic)

    def observe(self, endpoint: str) -> EndpointStatus:
        """As the port says. All of this process who observe endpoints here share readings, and may wait for their turn."""
        with self._doing(f"observing endpoint {endpoint}"):
            cluster, traffic = self._connect()
            found = self._reader().seen(cluster, traffic, endpoint)
            if found is None:
                return EndpointStatus(endpoint, "")
            seen, statuses = found
            return EndpointStatus(endpoint, traffic.url(endpoint), statuses, dict(seen.traffic))

    def predict(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Prediction:
        with self._doing(f"asking endpoint {endpoint}"):
            cluster, traffic = self._connect()
            deadline = time.monotonic() + timeout_seconds
            while True:
                answer = traffic.send(endpoint, colour, body, timeout_seconds)
                if answer.colour and answer.colour == (colour or answer.colour):
                    return Prediction(answer.status, answer.text, answer.milliseconds, answer.colour)
                _require_routed(look(cluster, traffic, endpoint), colour, self._target.name)
                # The router hears of a new colour a moment after its pods are Ready.
                if time.monotonic() > deadline or (not answer.colour and answer.status not in ROUTER_STATUSES):
                    raise self._unanswered(endpoint, colour, answer)
                time.sleep(POLL_SECONDS)

    def remove(self, endpoint: str, colour: str) -> None:
        with self._doing(f"removing {colour} of endpoint {endpoint}"):
            cluster, traffic = self._connect()
            seen = look(cluster, traffic, endpoint)
            _require_idle(seen, colour)
            rest = {name: item for name, item in seen.deployments.items() if name != colour}
            if rest and colour in seen.deployments:
                weights = {name: weight for name, weight in seen.traffic.items() if name != colour}
                written = self._write_traffic(cluster, traffic, Seen(endpoint, rest, seen.router, weights), weights)
                traffic.settle(written, time.monotonic() + SETTLE_SECONDS)
            elif not rest and seen.router:
                cluster.delete(traffic.kind, route_name(endpoint))
            name = colour_object(endpoint, colour)
            for item in cluster.items(CONFIG_MAPS, selector(endpoint, colour)):
                cluster.delete(CONFIG_MAPS, str(item["metadata"]["name"]))
            for kind in (*PARTS, DEPLOYMENTS):  # pods answer what they have begun: see `_pre_stop` of their manifest
                cluster.delete(kind, name)

    def findings(self, colour: ColourSpec) -> tuple[Finding, ...]:
        return findings(colour, self._target, self._options)

    def percents(self) -> frozenset[int]:
        return GatewayTraffic.percents if self._options.gateway else FlipTraffic.percents

    def foresee(self, colour: ColourSpec) -> tuple[Finding, ...]:
        image = mirrored(colour.environment.image, self._options.image_mirror)
        with self._doing(f"looking for image {image}"):
            return to_fetch(connect(*self._options.place), image)

    def shift(self, endpoint: str, weights: Mapping[str, int]) -> None:
        with self._doing(f"shifting the traffic of endpoint {endpoint}"):
            self._check(endpoint, weights)
            cluster, traffic = self._connect()
            seen = look(cluster, traffic, endpoint)
            if not seen.deployments:
                raise NotFoundError(
                    f"There is no endpoint {endpoint} on {self._target.name}.", "Apply a colour first; it creates one."
                )
            found = self._reader().statuses(cluster, seen)
            for colour in (name for name, weight in weights.items() if weight):
                _require_ready(endpoint, colour, found.get(colour))
            wanted = {name: weights.get(name, 0) for name in seen.deployments}
            deadline = time.monotonic() + SETTLE_SECONDS
            traffic.settle(self._write_traffic(cluster, traffic, seen, wanted), deadline)
            allowed = frozenset(name for name, weight in wanted.items() if weight)
            confirm(lambda: traffic.ask(endpoint), allowed, proofs(seen.traffic, wanted), deadline)

    def counts(self, endpoint: str) -> Mapping[str, RequestCounts]:
        with self._doing(f"counting the requests of endpoint {endpoint}"):
            cluster, traffic = self._connect()
            seen = look(cluster, traffic, endpoint)
            pods = cluster.items(PODS, selector(endpoint)) if seen.deployments else []
            return {name: count(cluster, item, pods) for name, item in seen.deployments.items()}

    def endpoints(self) -> tuple[str, ...]:
        with self._doing("listing endpoints"):
            cluster, _ = self._connect()
            return tuple(sorted({told(item, ENDPOINT) for item in cluster.items(DEPLOYMENTS, ENDPOINT)}))

    def _doing(self, what: str) -> Any:
        return translated(f"{what} on target {self._target.name!r}")

    def _connect(self) -> tuple[Cluster, Traffic]:
        options: KubernetesOptions = self._options
        cluster = connect(*options.place)
        gateway = read_gateway(options.gateway, options.namespace)
        return cluster, GatewayTraffic(cluster, gateway, options) if gateway else FlipTraffic(cluster)

    def _reader(self) -> EndpointReader:
        return the_one(EndpointReader, *self._options.place, self._options.gateway)

    def _check(self, endpoint: str, weights: Mapping[str, int]) -> None:
        check_weights(endpoint, weights)
        if not self.percents().issuperset(weights.values()):
            raise CapabilityMissingError(
                f"Without a Gateway, {self._target.name} gives a colour all the traffic or none, not {dict(weights)}.",
                f"Set targets.{self._target.name}.options.gateway, or use only 0 and 100.",
            )

    def _goes_on(self, cluster: Cluster, seen: Seen, colour: ColourSpec) -> bool:
        """Whether what runs is what `colour` orders. A failed colour is not: it is started anew."""
        if told(seen.deployments[colour.colour], PROCESS) != process_of(colour):
            return False
        return self._reader().statuses(cluster, seen)[colour.colour].phase is not ColourPhase.FAILED

    def _start(self, cluster: Cluster, colour: ColourSpec, before: Object | None) -> Object:
        """Write everything of the colour, the Deployment last: without it nothing of it counts."""
        order = make_order(colour, f"{time.time_ns():x}", self._target, self._options)
        config = manifests.order_config(order, self._target)
        deployment = manifests.deployment(order, self._target, self._options)
        if before is None and (foreign := cluster.find(SERVICES, order.name)):
            require_ours(foreign, colour.endpoint)
        cluster.apply(CONFIG_MAPS, config)
        parts = (manifests.disruption_budget, manifests.autoscaler, manifests.service)
        for kind, make in zip(PARTS, parts, strict=True):
            body = make(order, self._target)
            if body:
                cluster.apply(kind, body)
            elif before:
                cluster.delete(kind, order.name)
        written = cluster.apply(DEPLOYMENTS, deployment)
        if before:
            written = cluster.patch(DEPLOYMENTS, order.name, relabelled(written, colour))
            for item in cluster.items(CONFIG_MAPS, selector(colour.endpoint, colour.colour)):
                if item["metadata"]["name"] != config["metadata"]["name"]:
                    cluster.delete(CONFIG_MAPS, str(item["metadata"]["name"]))
        return written

    def _write_traffic(self, cluster: Cluster, traffic: Traffic, seen: Seen, weights: Mapping[str, int]) -> Object:
        """Raises ConflictError when somebody wrote since `seen` was read."""
        backends: Iterable[Backend] = seen.backends()
        body = traffic.body(seen.endpoint, backends, weights)
        body["metadata"]["labels"] = {**common_labels(self._target), **body["metadata"]["labels"]}
        if seen.router is None:
            written = cluster.create(traffic.kind, body)
            if written is None:
                raise ConflictError(f"Endpoint {seen.endpoint} was created by somebody else just now.", "Try again.")
            return written
        if traffic.kind is SERVICES:
            require_ours(seen.router, seen.endpoint)
        return _apply_unless_changed(cluster, traffic, body, seen.router)

    def _unanswered(self, endpoint: str, colour: str, answer: Answer) -> TargetUnavailableError:
        which = f"{colour or 'a colour'} of endpoint {endpoint} on {self._target.name}"
        said = f"{answer.colour} answered" if answer.colour else f"status {answer.status}, {answer.text[:200]}"
        return TargetUnavailableError(
            f"No answer from {which}: {said}.", "See `landbridge status` for its phase and reason."
        )


def _apply_unless_changed(cluster: Cluster, traffic: Traffic, body: Object, read: Object) -> Object:
    """Write the object only if nobody changed what it asks for since it was `read`.

    A Gateway writes its word into the route's status whenever it has one, and that changes the version too: then the
    version is read anew, as long as the generation, which counts changes of the spec, is still the same.
    """
    for _ in range(WRITES):
        body["metadata"]["resourceVersion"] = read["metadata"]["resourceVersion"]
        try:
            return cluster.apply(traffic.kind, body)
        except ConflictError:
            now = cluster.find(traffic.kind, str(body["metadata"]["name"]))
            if now is None or not _asks_the_same(now, read):
                raise
            read = now
    return cluster.apply(traffic.kind, body)


def _asks_the_same(one: Object, other: Object) -> bool:
    """A Service has no generation; its selector is what it asks for."""
    keys = ("uid", "generation")
    same = all(one["metadata"].get(key) == other["metadata"].get(key) for key in keys)
    return same and one["spec"].get("selector") == other["spec"].get("selector")


def _require_idle(seen: Seen, colour: str) -> None:
    if seen.traffic.get(colour):
        raise ConflictError(
            f"{colour} of endpoint {seen.endpoint} has {seen.traffic[colour]} percent of the traffic.",
            "Use another colour, or shift its traffic away first.",
        )


def _require_ready(endpoint: str, colour: str, status: ColourStatus | None) -> None:
    if status is None or status.phase is not ColourPhase.READY:
        state = f"is {status.phase} ({status.reason})" if status else "does not exist"
        raise ConflictError(
            f"{colour} of endpoint {endpoint} {state}, so it may get no traffic.",
            "Wait until it is Ready, or apply it again.",
        )


def _require_routed(seen: Seen, colour: str, target: str) -> None:
    """Raises unless an answer may be expected."""
    if not seen.deployments or (colour and colour not in seen.deployments):
        which = f"{colour or 'a colour'} of endpoint {seen.endpoint} on {target}"
        raise NotFoundError(f"There is no {which}.", "Apply it first; see `landbridge status` for what there is.")
    if not colour and not any(seen.traffic.values()):
        raise TargetUnavailableError(
            f"Endpoint {seen.endpoint} on {target} has no traffic, so nobody answers.", "Shift traffic to a colour."
        )
