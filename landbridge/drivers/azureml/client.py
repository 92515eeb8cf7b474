"""One workspace over Azure's REST: management service and the services of its region, with one pipeline for both.

azure-core sends, logs in, and repeats what failed on the way: at most RETRIES times, after as long as Azure asks for in
Retry-After. A longer wait than LONGEST_WAIT_SECONDS is not slept through here; it is a TransientError that tells it. A token
that is refused (revoked, or of a changed secret) is thrown away once, with all that the credential remembers.

azure-ai-ml is not used: importing it takes 3 to 8 seconds (docs/adr/0010). Its API versions are.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from landbridge.domain.errors import (
    LandbridgeError,
    NotFoundError,
    RefusedError,
    TargetUnavailableError,
)
from landbridge.domain.values import Json
from landbridge.drivers.azureml.errors import Refusal, lacks_place, operation_error, read_refusal, to_error, translated
from landbridge.drivers.azureml.options import Place
from landbridge.drivers.azureml.throttling import Quiet

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import Pipeline, PipelineRequest
    from azure.core.rest import HttpResponse

Object = dict[str, Any]
Tell = Callable[[float], None]

WORKSPACES = "2024-10-01-preview"  # also datastores
COMPUTES = "2023-08-01-preview"
ASSETS = "2023-04-01-preview"  # environments, data; of codes 2023-04-01
CODES = "2023-04-01"
MODELS = "2023-08-01-preview"
JOBS = "2024-01-01-preview"
NEW_JOBS = "2025-01-01-preview"

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
RETRIES = 3
POLL_SECONDS = 2.0  # of an operation, where Azure does not say how long to wait


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        path: below the workspace, such as `jobs/x`; with a leading "/" of the management service; or a whole URL.
        doing: begins the message of an error ("reading job 'x'").
        version: the API version; "" = none is sent.
        audience: of the token, as a scope; "" = the management service, whose tokens most services of the region take too.
        seconds: for each read of the answer.
        retries: of what failed on the way or is answered 408, 429, 500, 502, 503 or 504; of POST, 500, 503 and 504.
    """

    method: str
    path: str
    doing: str
    version: str = ""
    body: Json = None
    query: Mapping[str, str] = field(default_factory=dict)
    audience: str = ""
    seconds: float = READ_SECONDS
    retries: int = RETRIES


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `body` is {} when there is none; header names are in lower case."""

    status: int
    body: Object
    headers: Mapping[str, str]


def connect(place: Place, kind: "Callable[[Place], Workspace] | None" = None) -> "Workspace":
    """The workspace, once for each place in this process. Asks nobody. `kind`: who asks; None = a run."""
    return _connected(os.getpid(), place, kind or Workspace)


@lru_cache(maxsize=64)
def _connected(_process: int, place: Place, kind: "Callable[[Place], Workspace]") -> "Workspace":
    return kind(place)


def forget() -> None:
    """Let go of every connection, credential and answer that is kept."""
    _connected.cache_clear()


class Workspace:
    """Raises only errors of `landbridge.domain.errors`. Threads may share it; a forked process makes its own."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = Lock()
        self._credential: TokenCredential | None = None
        self._pipelines: dict[str, Pipeline[Any, Any]] = {}  # by the audience of their tokens
        self._kept: dict[str, Object] = {}
        self._reading: dict[str, RLock] = {}
        self.quiet = Quiet()

    def ask(self, request: Request) -> Answer:
        """Send one request, and read its answer whole.

        Raises:
            LandbridgeError: no answer, or one that is no success.
        """
        with translated(request.doing):
            response = self._send(request)
            if response.status_code == 401:
                self._log_out()
                response = self._send(request)
            if response.status_code >= 400:
                raise self._refused(read_refusal(response.status_code, response.content), request.doing)
            return _answer(response, request.doing)

    def get(self, path: str, version: str, doing: str, **query: str) -> Object:
        """One object. Raises NotFoundError."""
        return self.ask(Request("GET", path, doing, version, query=query)).body

    def find(self, path: str, version: str, doing: str, **query: str) -> Object | None:
        """One object, None when it is not there."""
        try:
            return self.get(path, version, doing, **query)
        except NotFoundError:
            return None

    def items(self, path: str, version: str, doing: str, **query: str) -> Iterator[Object]:
        """All objects of a list, page by page."""
        yield from pages(self, Request("GET", path, doing, version, query=query))

    def put(self, path: str, version: str, body: Json, doing: str) -> Answer:
        return self.ask(Request("PUT", path, doing, version, body))

    def finish(self, answer: Answer, doing: str, seconds: float, tell: Tell | None = None) -> None:
        """Wait until the operation that `answer` began has ended; does nothing when it began none.

        Args:
            tell: called before each look at it, with the seconds that it has taken so far.

        Raises:
            LandbridgeError: it failed, with Azure's reason; or `seconds` are over, and it goes on without us.
        """
        url, by_status = _operation(answer)
        began, wait = time.monotonic(), wait_of(answer.headers)
        deadline = began + seconds
        while url:
            if tell:
                tell(time.monotonic() - began)
            if time.monotonic() > deadline:
                raise TargetUnavailableError(
                    f"{doing[0].upper()}{doing[1:]}: Azure has not ended the operation within {seconds:g} s.",
                    "Wait: it goes on there. Ask again, or look at it in the portal.",
                )
            time.sleep(min(POLL_SECONDS if wait is None else wait, max(0.0, deadline - time.monotonic()) + 0.01))
            answer = self.ask(Request("GET", url, doing))
            wait = wait_of(answer.headers)
            if by_status:
                url = _go_on(answer.body, url, doing)
            else:
                url = (answer.headers.get("location") or url) if answer.status == 202 else ""

    def kept(self, name: str, read: Callable[[], Object]) -> Object:
        """What `read` finds, asked once in the life of this connection: for what does not change while somebody works."""
        with self._reading.setdefault(name, RLock()):  # who comes meanwhile waits for the one reading
            if name not in self._kept:
                self._kept[name] = read()
            return self._kept[name]

    def resource(self) -> Object:
        """The workspace itself: location, storage account, discovery and tracking address."""
        return self.kept("", lambda: self.get("", WORKSPACES, f"reading {self.place.label}"))

    def regional(self, service: str, path: str) -> str:
        """The URL of a service of the workspace's region, such as `history/v1.0`, for `path` below the workspace."""

        def discover() -> Object:
            url = str(self.resource()["properties"]["discoveryUrl"])
            return self.ask(Request("GET", url, f"asking where the services of {self.place.label} are")).body

        api = str(self.kept("discovery", discover)["api"]).rstrip("/")
        return f"{api}/{service}{self.place.id}/{path}"

    @property
    def credential(self) -> "TokenCredential":
        """For Azure's other clients, such as the blob store's."""
        with self._lock:
            if self._credential is None:
                self._credential = _credential(self.place)
            return self._credential

    def _refused(self, refusal: Refusal, doing: str) -> LandbridgeError:
        if lacks_place(refusal, self.place.workspace):
            said = f"{doing[0].upper()}{doing[1:]} failed: there is no {self.place.label}: {refusal.message}"
            return RefusedError(said, "Correct subscription_id, resource_group, workspace and cloud of the target.")
        return to_error(refusal, doing)

    def _send(self, request: Request) -> "HttpResponse":
        from azure.core.rest import HttpRequest

        query = {**({"api-version": request.version} if request.version else {}), **request.query}
        message = HttpRequest(request.method, self._url(request.path), params=query, json=request.body)
        options = {
            "retry_total": request.retries,
            "read_timeout": request.seconds,
            "connection_timeout": CONNECT_SECONDS,
        }
        response: HttpResponse = self._open(request.audience).run(message, stream=False, **options).http_response
        return response

    def _url(self, path: str) -> str:
        if path.startswith("https://"):
            return path
        base = f"https://{self.place.names.management}"
        return f"{base}{path}" if path.startswith("/") else f"{base}{self.place.id}/{path}".rstrip("/")

    def _open(self, audience: str) -> "Pipeline[Any, Any]":
        credential = self.credential
        with self._lock:
            if audience not in self._pipelines:
                scope = audience or f"https://{self.place.names.management}/.default"
                self._pipelines[audience] = _pipeline(credential, scope, self.quiet)
            return self._pipelines[audience]

    def _log_out(self) -> None:
        with self._lock:
            self._credential, self._pipelines = None, {}


def pages(workspace: Workspace, request: Request) -> Iterator[Object]:
    """All objects of the list that `request` asks for, page by page."""
    while True:
        page = workspace.ask(request).body
        yield from page.get("value") or ()
        if not page.get("nextLink"):
            return
        request = replace(request, path=str(page["nextLink"]), version="", query={})


def wait_of(headers: Mapping[str, str]) -> float | None:
    """How long Azure asks to wait, s; None = it does not say."""
    for name, factor in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * factor)
        except (KeyError, ValueError):
            continue
    return None


def _answer(response: "HttpResponse", doing: str) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    text = response.content
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError as error:
        message = f"{doing[0].upper()}{doing[1:]} failed: the answer broke off after {len(text)} bytes."
        raise TargetUnavailableError(message, "Try again; look at the proxy on the way if it stays so.") from error
    return Answer(response.status_code, body if isinstance(body, dict) else {"value": body}, headers)


def _operation(answer: Answer) -> tuple[str, bool]:
    """Where to ask for the end of an operation, and whether the answer there tells a status."""
    if url := answer.headers.get("azure-asyncoperation"):
        return url, True
    return (answer.headers.get("location", "") if answer.status == 202 else ""), False


def _go_on(said: Object, url: str, doing: str) -> str:
    """`url` while the operation goes on, "" when it is done. Raises when it failed."""
    status = str(said.get("status") or "Succeeded").lower()
    if status in {"failed", "canceled", "cancelled"}:
        error = said.get("error") or {}
        raise operation_error(str(error.get("code") or status), str(error.get("message") or ""), doing)
    return "" if status == "succeeded" else url


def _pipeline(credential: "TokenCredential", scope: str, quiet: Quiet) -> "Pipeline[Any, Any]":
    from azure.core.pipeline import Pipeline
    from azure.core.pipeline.policies import (
        BearerTokenCredentialPolicy,
        HeadersPolicy,
        RequestIdPolicy,
        RetryPolicy,
        UserAgentPolicy,
    )
    from azure.core.pipeline.transport import RequestsTransport

    from landbridge import __version__

    retry = RetryPolicy(retry_backoff_factor=0.4, retry_backoff_max=8, retry_read=RETRIES, retry_status=RETRIES)
    policies = [
        RequestIdPolicy(),
        HeadersPolicy({"Accept": "application/json"}),
        UserAgentPolicy(f"landbridge/{__version__}"),
        retry,
        BearerTokenCredentialPolicy(credential, scope),
        _patience(quiet),
    ]
    return Pipeline(RequestsTransport(), policies)


def _patience(quiet: Quiet) -> Any:
    """A policy that tells `quiet` a wait; one that is too long to be slept through is a TransientError."""
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    class Patience(SansIOHTTPPolicy[Any, Any]):
        def on_response(self, request: "PipelineRequest[Any]", response: Any) -> None:  # noqa: ARG002 - azure-core's
            found = response.http_response
            wait = wait_of({name.lower(): value for name, value in found.headers.items()})
            if found.status_code in {429, 503} and wait:
                quiet.ask(found.status_code, wait)

    return Patience()


def _credential(place: Place) -> "TokenCredential":
    """DefaultAzureCredential of the place's cloud and tenant: environment, workload and managed identity, `az login`."""
    from azure.identity import DefaultAzureCredential

    more: dict[str, Any] = {"authority": place.names.login}
    if not place.tenant:
        return DefaultAzureCredential(**more)
    tenants = {"workload_identity_tenant_id": place.tenant, "shared_cache_tenant_id": place.tenant}
    return _InTenant(
        DefaultAzureCredential(additionally_allowed_tenants=[place.tenant], **tenants, **more), place.tenant
    )


@dataclass(frozen=True, slots=True)
class _InTenant:
    """Asks a credential for tokens of one tenant, whoever asks: DefaultAzureCredential itself takes none."""

    credential: Any
    tenant: str

    def get_token(self, *scopes: str, **options: Any) -> Any:
        return self.credential.get_token(*scopes, **{**options, "tenant_id": self.tenant})
