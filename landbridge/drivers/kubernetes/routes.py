"""How requests find a colour: one HTTPRoute per endpoint, or the selector of one Service where there is no Gateway. Pure.

The first rule of a route carries the weights; behind it stands one rule per colour, which a header picks
(`azureml-model-deployment: blue`). Which rule counts is decided by how much it asks for, not by its place
(https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule); the weights stand first because a Gateway may name
what it makes of a rule by its number. A colour that comes or goes then never renumbers the rule that carries traffic.

The weights list only colours with traffic: a colour that still starts has no addresses, and it is none of the traffic's
business that it comes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from landbridge.domain.errors import InputError
from landbridge.domain.names import object_name
from landbridge.drivers.kubernetes.pod_template import PREFIX
from landbridge.runner.model_server import COLOUR_HEADER

Object = dict[str, Any]

ENDPOINT, COLOUR = f"{PREFIX}endpoint", f"{PREFIX}colour"
NOBODY = f"{PREFIX}without-traffic"  # selects no pod: none has this label
PORT = 80
MOST_COLOURS = 15  # a route takes 16 rules, https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec


@dataclass(frozen=True, slots=True)
class Backend:
    """One colour as the router sees it. `timeout_seconds`: after that the router gives up; the server answers before."""

    colour: str
    service: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Gateway:
    """The Gateway that carries the endpoint; `namespace` is never empty."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the Gateway says of the newest generation of a route; `refusal` is its own word, or ""."""

    done: bool
    refusal: str = ""


def read_gateway(option: str, namespace: str) -> Gateway | None:
    """The option `gateway`: "name", or "namespace/name"; "" = there is none."""
    if not option:
        return None
    before, _, name = option.rpartition("/")
    return Gateway(name, before or namespace)


def endpoint_path(endpoint: str) -> str:
    """Where requests to an endpoint begin. What follows is the model server's own path, such as `/score`."""
    return f"/api/v1/endpoint/{endpoint}"


def route_name(endpoint: str) -> str:
    return object_name(endpoint)


def check_weights(endpoint: str, weights: Mapping[str, int]) -> None:
    """Raises InputError unless the percentages sum to 0 or 100."""
    if sum(weights.values()) not in (0, 100) or any(weight < 0 for weight in weights.values()):
        raise InputError(
            f"Traffic {dict(weights)} of endpoint {endpoint} does not sum to 0 or 100 percent.",
            "Give percentages of 0 to 100 that sum to 100, or 0 for none.",
        )


def http_route(endpoint: str, gateway: Gateway, backends: Iterable[Backend], weights: Mapping[str, int]) -> Object:
    """The route of an endpoint with these colours and this traffic.

    Raises:
        InputError: more colours than a route takes.
    """
    known = {backend.colour: backend for backend in backends}
    if len(known) > MOST_COLOURS:
        hint = "Remove colours that are not used."
        raise InputError(f"Endpoint {endpoint} has {len(known)} colours; a route takes {MOST_COLOURS}.", hint)
    carrying = [(known[colour], weight) for colour, weight in weights.items() if weight and colour in known]
    timeout = max((backend.timeout_seconds for backend in known.values()), default=0.0)
    parent = {
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace,
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": route_name(endpoint), "labels": {ENDPOINT: endpoint}},
        "spec": {
            "parentRefs": [parent],
            "rules": [
                _rule(endpoint, {}, [_ref(backend, weight) for backend, weight in carrying], timeout),
                *(
                    _rule(endpoint, {COLOUR_HEADER: colour}, [_ref(backend, 1)], backend.timeout_seconds)
                    for colour, backend in known.items()
                ),
            ],
        },
    }


def read_weights(route: Object) -> dict[str, int]:
    """Colour → percent, for every colour of the route, in the route's order."""
    services = read_services(route)
    names = {service: colour for colour, service in services.items()}
    weights = dict.fromkeys(services, 0)
    for rule in route["spec"].get("rules") or ():
        if not _header_of(rule):
            for ref in rule.get("backendRefs") or ():
                if ref["name"] in names:
                    weights[names[ref["name"]]] = int(ref.get("weight", 1))
    return weights


def read_services(route: Object) -> dict[str, str]:
    """Colour → Service, in the route's order."""
    rules = route["spec"].get("rules") or ()
    return {colour: rule["backendRefs"][0]["name"] for rule in rules if (colour := _header_of(rule))}


def acceptance(route: Object, gateway: Gateway) -> Acceptance:
    """Whether the Gateway has taken the newest generation up."""
    generation = int(route["metadata"].get("generation", 0))
    for parent in (route.get("status") or {}).get("parents") or ():
        ref = parent.get("parentRef") or {}
        namespace = ref.get("namespace") or route["metadata"].get("namespace", gateway.namespace)
        if (ref.get("name"), namespace) != (gateway.name, gateway.namespace):
            continue
        said = {item["type"]: item for item in parent.get("conditions") or () if _is_of(item, generation)}
        accepted = said.get("Accepted")
        if accepted and accepted["status"] == "False" and accepted.get("reason") != "Pending":
            return Acceptance(True, f"{accepted.get('reason')}: {accepted.get('message', '')}".rstrip(": "))
        resolved = said.get("ResolvedRefs")
        return Acceptance(bool(accepted and resolved and accepted["status"] == resolved["status"] == "True"))
    return Acceptance(False)


def flip_service(endpoint: str, weights: Mapping[str, int], port: str) -> Object:
    """Without a Gateway: one Service that selects the pods of the colour with 100 percent, or none."""
    chosen = next((colour for colour, weight in weights.items() if weight), "")
    selector = {ENDPOINT: endpoint, COLOUR: chosen} if chosen else {ENDPOINT: endpoint, NOBODY: "true"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": route_name(endpoint), "labels": {ENDPOINT: endpoint}},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": PORT, "targetPort": port}]},
    }


def read_flip(service: Object, colours: Iterable[str]) -> dict[str, int]:
    """Colour → 0 or 100, for each of `colours`."""
    chosen = (service["spec"].get("selector") or {}).get(COLOUR, "")
    return {colour: 100 if colour == chosen else 0 for colour in colours}


def _rule(endpoint: str, headers: Mapping[str, str], refs: list[Object], timeout_seconds: float) -> Object:
    match: Object = {"path": {"type": "PathPrefix", "value": endpoint_path(endpoint)}}
    if headers:
        match["headers"] = [{"type": "Exact", "name": name, "value": value} for name, value in headers.items()]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    rule: Object = {"matches": [match], "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}]}
    if refs:
        rule["backendRefs"] = refs
    if timeout_seconds:
        rule["timeouts"] = {"request": f"{math.ceil(timeout_seconds)}s"}
    return rule


def _ref(backend: Backend, weight: int) -> Object:
    return {"group": "", "kind": "Service", "name": backend.service, "port": PORT, "weight": weight}


def _header_of(rule: Object) -> str:
    """The colour that a rule's header names, or ""."""
    for match in rule.get("matches") or ():
        for header in match.get("headers") or ():
            if str(header.get("name", "")).lower() == COLOUR_HEADER:
                return str(header["value"])
    return ""


def _is_of(condition: Object, generation: int) -> bool:
    return int(condition.get("observedGeneration", 0)) >= generation
