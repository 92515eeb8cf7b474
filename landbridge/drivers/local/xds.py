"""What Envoy is told: pure values into its v3 API as JSON. Nothing here reads or writes.

URLs are those of Azure ML on Kubernetes: `/api/v1/endpoint/<endpoint>/score`. Retries only where the model cannot have
seen the request: it was not sent. Route timeouts are a net below the model server's own, which answers first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.values import Json

COLOUR_HEADER = "azureml-model-deployment"
VERSION_PATH = "/_landbridge/routes"  # answered from the routes themselves: proof that the worker has them
ROUTES = "site"
LISTENER = "127.0.0.1"
_TYPE = "type.googleapis.com/envoy."
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_UPSTREAM_IDLE = "3600s"
_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """One colour's processes. `connections`: at most so many at once, 0 = no limit; more requests wait."""

    cluster: str
    sockets: tuple[str, ...]
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Routed:
    """One endpoint: colour → cluster, colour → percent, and after how long the router gives up, s."""

    endpoint: str
    clusters: Mapping[str, str]
    weights: Mapping[str, int]
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Files:
    """Where one Envoy finds its configuration, and its admin socket."""

    bootstrap: Path
    clusters: Path
    routes: Path
    admin: Path


def endpoint_path(endpoint: str) -> str:
    return f"/api/v1/endpoint/{endpoint}/score"


def bootstrap(name: str, port: int, files: Files) -> dict[str, Json]:
    """One listener on loopback; clusters and routes come from watched files; the admin interface has no TCP port."""
    return {
        "node": {"id": name, "cluster": "landbridge"},
        "admin": {"address": _pipe(str(files.admin))},
        "stats_flush_on_admin": True,  # counters are asked for rarely and must be of now
        "dynamic_resources": {"cds_config": _watched(files.clusters)},
        "static_resources": {"listeners": [_listener(port, files.routes)]},
    }


def clusters(version: str, upstreams: Iterable[Upstream]) -> dict[str, Json]:
    """The content of the clusters file."""
    return {"version_info": version, "resources": [_cluster(upstream) for upstream in upstreams]}


def routes(version: str, endpoints: Iterable[Routed]) -> dict[str, Json]:
    """The content of the routes file."""
    host: dict[str, Json] = {
        "name": "all",
        "domains": ["*"],
        "routes": [
            _fixed({"path": VERSION_PATH}, 200, version),
            *(route for endpoint in endpoints for route in _endpoint_routes(endpoint)),
            _fixed({"prefix": "/"}, 404, '{"message": "There is no such endpoint here."}'),
        ],
    }
    table: dict[str, Json] = {
        "@type": f"{_TYPE}config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "virtual_hosts": [host],
    }
    return {"version_info": version, "resources": [table]}


def _endpoint_routes(routed: Routed) -> Sequence[Json]:
    prefix = endpoint_path(routed.endpoint).removesuffix("score")
    unknown = f'{{"message": "Endpoint {routed.endpoint} has no deployment of that name."}}'
    idle = f'{{"message": "No deployment of endpoint {routed.endpoint} has traffic."}}'
    named = [
        _to(routed, {"prefix": prefix, "headers": [_header(colour)]}, {"cluster": cluster})
        for colour, cluster in routed.clusters.items()
    ]
    weighted: list[Json] = [
        {"name": routed.clusters[colour], "weight": weight} for colour, weight in routed.weights.items() if weight > 0
    ]
    by_weight: Json = (
        _to(routed, {"prefix": prefix}, {"weighted_clusters": {"clusters": weighted}})
        if weighted
        else _fixed({"prefix": prefix}, 503, idle)
    )
    return [*named, _fixed({"prefix": prefix, "headers": [_header()]}, 404, unknown), by_weight]


def _to(routed: Routed, match: dict[str, Json], where: dict[str, Json]) -> Json:
    action: dict[str, Json] = {
        **where,
        "prefix_rewrite": "/",
        "timeout": f"{routed.timeout_seconds:.3f}s",
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 2,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": f"{_TYPE}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                    },
                }
            ],
            "host_selection_retry_max_attempts": "3",
        },
    }
    return {"match": match, "route": action}


def _header(colour: str = "") -> Json:
    """Matches requests that ask for `colour`, or for any."""
    if colour:
        return {"name": COLOUR_HEADER, "string_match": {"exact": colour}}
    return {"name": COLOUR_HEADER, "present_match": True}


def _fixed(match: dict[str, Json], status: int, body: str) -> Json:
    as_json: Json = {
        "header": {"key": "content-type", "value": "application/json"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    return {
        "match": match,
        "direct_response": {"status": status, "body": {"inline_string": body}},
        "response_headers_to_add": [as_json],
    }


def _cluster(upstream: Upstream) -> Json:
    limits: dict[str, Json] = dict.fromkeys(("max_pending_requests", "max_requests", "max_retries"), _MANY)
    limits["max_connections"] = upstream.connections or _MANY
    hosts: list[Json] = [{"endpoint": {"address": _pipe(socket)}} for socket in upstream.sockets]
    return {
        "@type": f"{_TYPE}config.cluster.v3.Cluster",
        "name": upstream.cluster,
        "type": "STATIC",
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": upstream.cluster, "endpoints": [{"lb_endpoints": hosts}]},
        "circuit_breakers": {"thresholds": [limits]},
        "typed_extension_protocol_options": {
            _HTTP_OPTIONS: {
                "@type": f"type.googleapis.com/{_HTTP_OPTIONS}",
                "common_http_protocol_options": {"idle_timeout": _UPSTREAM_IDLE},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _listener(port: int, route_file: Path) -> Json:
    manager: Json = {
        "@type": f"{_TYPE}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": ROUTES,
        "normalize_path": True,
        "stream_idle_timeout": "0s",  # the routes' timeouts bound a request, however long the model may take
        "rds": {"route_config_name": ROUTES, "config_source": _watched(route_file)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_TYPE}extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
    }
    filters: list[Json] = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": ROUTES,
        "address": {"socket_address": {"address": LISTENER, "port_value": port}},
        "enable_reuse_port": False,  # else a second router could share the port unseen
        "filter_chains": [{"filters": filters}],
    }


def _watched(path: Path) -> Json:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _pipe(path: str) -> dict[str, Json]:
    return {"pipe": {"path": path}}
