"""One connection to one cluster: plain JSON in and out, a deadline on every call, no retries, only our errors.

The official client brings kubeconfigs, credentials that renew themselves and TLS; its models are not used, because
building thousands of them costs more than the answer itself, and manifests are easier to read as what they are.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from landbridge import __version__
from landbridge.domain.errors import (
    ConflictError,
    InputError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    TargetUnavailableError,
    TransientError,
)
from landbridge.domain.nearest import nearest
from landbridge.drivers.kubernetes.errors import read_answer, to_error

Object: TypeAlias = dict[str, Any]

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
PAGE = 500
CONNECTIONS = 16  # of one process at a time: many threads at once would be told 429, Too Many Requests
TRIES_OF_A_LIST = 3  # a list that expires between two pages (410) starts again
FIELD_MANAGER = "landbridge"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON = {"Accept": "application/json", "Accept-Encoding": "gzip"}  # lists are six to twenty times as long without
ANYTHING = {"Accept": "*/*"}
APPLY_PATCH = "application/apply-patch+yaml"  # JSON is YAML


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, as its address names it."""

    api: str  # "v1", "batch/v1"
    plural: str
    namespaced: bool = True

    @property
    def singular(self) -> str:
        return self.plural.removesuffix("s")


JOBS = Kind("batch/v1", "jobs")
PODS = Kind("v1", "pods")
SECRETS = Kind("v1", "secrets")
CONFIG_MAPS = Kind("v1", "configmaps")
SERVICES = Kind("v1", "services")
EVENTS = Kind("v1", "events")
CLAIMS = Kind("v1", "persistentvolumeclaims")
QUOTAS = Kind("v1", "resourcequotas")
NODES = Kind("v1", "nodes", namespaced=False)
NAMESPACES = Kind("v1", "namespaces", namespaced=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `doing` begins the message of its error; `seconds` bounds the wait for each part of the answer."""

    method: str
    path: str
    doing: str
    body: Object | str | None = None  # a text is sent as it is; give its `media` too, and not that of JSON
    query: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"  # of the body
    seconds: float = READ_SECONDS


class Cluster:
    """A namespace of a cluster. Every method raises only errors of `landbridge.domain.errors`."""

    def __init__(self, client: Any, namespace: str, label: str, wait: Callable[[], object] | None = None) -> None:
        self._client = client
        self.namespace = namespace
        self.label = label  # how messages name it
        self._wait = wait  # before each request

    def get(self, kind: Kind, name: str) -> Object:
        """Read one object. Raises NotFoundError."""
        return self._json(Request("GET", self.path(kind, name), f"reading {kind.singular} {name!r}"))

    def find(self, kind: Kind, name: str) -> Object | None:
        """Read one object, None when it is not there."""
        try:
            return self.get(kind, name)
        except NotFoundError:
            return None

    def items(self, kind: Kind, labels: str = "", fields: str = "", seconds: float = READ_SECONDS) -> list[Object]:
        """Every object that fits the selectors, page by page."""
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(PAGE)}
        request = Request("GET", self.path(kind), f"listing {kind.plural}", query=query, seconds=seconds)
        return self.pages(request)

    def pages(self, request: Request) -> list[Object]:
        """Every item of a list, whatever its address (`everywhere` gives that over all namespaces)."""
        for _ in range(TRIES_OF_A_LIST - 1):
            try:
                return self._pages(request)
            except TransientError as error:
                if status_of(error) != 410:
                    raise
        return self._pages(request)

    def create(self, kind: Kind, body: Object) -> Object | None:
        """Ensure that the object named in `body` exists; the first one stays. Returns it when it is new, else None."""
        name = str(body["metadata"]["name"])
        try:
            return self._json(Request("POST", self.path(kind), f"creating {kind.singular} {name!r}", body))
        except ConflictError as error:
            if "AlreadyExists" not in error.message:
                raise
        return None

    def apply(self, kind: Kind, body: Object) -> Object:
        """Server-side apply: ours are the fields of `body`, all others stay as they are."""
        name = str(body["metadata"]["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        doing = f"applying {kind.singular} {name!r}"
        return self._json(Request("PATCH", self.path(kind, name), doing, body, query, APPLY_PATCH))

    def patch(self, kind: Kind, name: str, change: Object, media: str = MERGE_PATCH) -> Object:
        """Merge `change` into the object; null removes a field. Raises NotFoundError."""
        doing = f"changing {kind.singular} {name!r}"
        return self._json(Request("PATCH", self.path(kind, name), doing, change, media=media))

    def delete(self, kind: Kind, name: str, grace_seconds: int | None = None) -> None:
        """Delete the object and what belongs to it, in the background. Silent when it is not there."""
        body: Object = {"propagationPolicy": "Background"}
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        try:
            self._json(Request("DELETE", self.path(kind, name), f"deleting {kind.singular} {name!r}", body))
        except NotFoundError:
            return

    def raw(self, request: Request) -> bytes:
        """The body of the answer as it comes: a pod's log, or what a pod answers through the API server's proxy."""
        with _errors(f"{request.doing} in {self.label}"):
            return bytes(self._call(request, ANYTHING).data)

    def path(self, kind: Kind, name: str = "", further: str = "") -> str:
        """The address of a kind, an object, or (`further`, such as "log") of something of it, in this namespace."""
        scope = f"/namespaces/{self.namespace}" if kind.namespaced else ""
        return "/".join(part for part in (f"{_root(kind)}{scope}/{kind.plural}", name, further) if part)

    def _pages(self, request: Request) -> list[Object]:
        found: list[Object] = []
        token = ""
        while True:
            query = {**request.query, "continue": token}
            page = self._json(replace(request, query={key: value for key, value in query.items() if value}))
            found += page.get("items") or []
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return found

    def _json(self, request: Request) -> Object:
        with _errors(f"{request.doing} in {self.label}"):
            return _parsed(self._call(request, JSON).data, request.doing)

    def _call(self, request: Request, accept: Mapping[str, str]) -> Any:
        if self._wait:
            self._wait()
        headers = dict(accept)
        if request.body is not None:
            headers["Content-Type"] = request.media
        response = self._client.call_api(
            request.path,
            request.method,
            query_params=list(request.query.items()),
            header_params=headers,
            body=request.body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=(CONNECT_SECONDS, request.seconds),
        )
        return response[0] if isinstance(response, tuple) else response


def exchange(cluster: Cluster, request: Request) -> tuple[int, dict[str, str], str]:
    """What a pod or Service answers through the API server's proxy: status, headers (lower case) and body."""
    from kubernetes.client import ApiException

    with _errors(f"{request.doing} in {cluster.label}"):
        try:
            response = cluster._call(request, ANYTHING)
            return response.status, _lower(response.headers), bytes(response.data).decode(errors="replace")
        except ApiException as error:
            text = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
            return int(error.status or 0), _lower(error.headers), text


def everywhere(kind: Kind) -> str:
    """The address of a kind over all namespaces."""
    return f"{_root(kind)}/{kind.plural}"


def status_of(error: LandbridgeError) -> int:
    """The HTTP status behind an error, 0 when no API server answered."""
    return int(getattr(error.__cause__, "status", 0) or 0)


def address_of(cluster: Cluster) -> tuple[str, bytes]:
    """The API server's URL and the certificate authority that vouches for it (empty: the system's)."""
    configuration = cluster._client.configuration
    authority = configuration.ssl_ca_cert
    return str(configuration.host), Path(authority).read_bytes() if authority else b""


def beside(cluster: Cluster, namespace: str) -> Cluster:
    """Another namespace, with the same credentials."""
    return Cluster(cluster._client, namespace, f"namespace {namespace!r}")


def paced(cluster: Cluster, wait: Callable[[], object]) -> Cluster:
    """The same namespace; `wait` is called before each request."""
    return Cluster(cluster._client, cluster.namespace, cluster.label, wait)


def connect(kubeconfig: str, context: str, namespace: str) -> Cluster:
    """A connection to `namespace`; connections to one cluster share their sockets, in one process.

    Raises:
        InputError: the kubeconfig or its context cannot be used.
    """
    label = f"namespace {namespace!r} of {f'context {context!r}' if context else 'the cluster'}"
    return Cluster(_client(kubeconfig, context, _changed_at(kubeconfig), os.getpid()), namespace, label)


def _root(kind: Kind) -> str:
    return f"/apis/{kind.api}" if "/" in kind.api else f"/api/{kind.api}"


def _changed_at(kubeconfig: str) -> int:
    """A kubeconfig that was renewed is read again."""
    try:
        return Path(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser().stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=32)
def _client(kubeconfig: str, context: str, _changed: int, _process: int) -> Any:
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    configuration = client.Configuration()
    configuration.retries = False  # one owner of retries: the task above us
    try:
        if not kubeconfig and not context and _in_a_pod():
            config.load_incluster_config(configuration)
        else:
            config.load_kube_config(kubeconfig or None, context or None, configuration, persist_config=False)
    except ConfigException as error:
        hint = "Correct `kubeconfig:` and `context:` of the target, or set KUBECONFIG."
        raise InputError(
            f"The kubeconfig {_named(kubeconfig)} cannot be used: {error}{_known(kubeconfig, context)}.", hint
        ) from error
    configuration.connection_pool_maxsize = CONNECTIONS
    made = client.ApiClient(configuration)
    made.rest_client.pool_manager.connection_pool_kw["block"] = True  # one more waits for one that is free
    made.user_agent = f"landbridge/{__version__}"  # whom an API server's books name
    return made


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in (headers.items() if headers else ())}


def _in_a_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and not os.environ.get("KUBECONFIG")


def _named(kubeconfig: str) -> str:
    return kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"


def _known(kubeconfig: str, context: str) -> str:
    from kubernetes import config
    from kubernetes.config.config_exception import ConfigException

    try:
        found, _ = config.list_kube_config_contexts(kubeconfig or None)
    except (ConfigException, OSError):
        return ""
    return nearest(context, [str(item["name"]) for item in found])


def _parsed(body: bytes, doing: str) -> Object:
    try:
        found = json.loads(body)
    except ValueError as error:  # a proxy's page, or a broken connection
        raise TargetUnavailableError(
            f"{doing[0].upper()}{doing[1:]} failed: the answer is no JSON.",
            "Check that the address is the API server's.",
        ) from error
    return found if isinstance(found, dict) else {}


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Let only our errors out, the vendor's as their cause."""
    import ssl

    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError, SSLError

    said = f"{doing[0].upper()}{doing[1:]} failed"
    try:
        yield
    except LandbridgeError:
        raise
    except ApiException as error:
        raise to_error(read_answer(error.status or 0, error.body), doing) from error
    except (SSLError, ssl.SSLCertVerificationError) as error:
        hint = "Check the certificate authority in the kubeconfig, and that nothing stands between."
        raise PermanentError(f"{said}: the API server is not who it should be: {error}.", hint) from error
    except (HTTPError, OSError) as error:
        hint = "Wait and try again; check the way to the API server if it stays so."
        raise TargetUnavailableError(f"{said}: no answer ({type(error).__name__}: {error}).", hint) from error
    except AttributeError as error:
        # kubernetes 31-34 decodes the body of every ApiException; of a TLS fault it has none. Delete when it does not.
        if isinstance(error.__context__, ApiException) and not error.__context__.status:
            hint = "Check the certificate authority in the kubeconfig, and that nothing stands between."
            why = " ".join(str(error.__context__.reason).split())
            raise PermanentError(f"{said}: the API server is not who it should be: {why}.", hint) from error
        raise PermanentError(f"{said}: {type(error).__name__}: {error}.", "Report this message.") from error
    except Exception as error:
        raise PermanentError(f"{said}: {type(error).__name__}: {error}.", "Report this message.") from error
