"""A prediction through Azure's router, by plain HTTP: the SDK's own `invoke` sends later requests to the wrong colour.

The endpoint's key or token lives in this process' memory, and nowhere else: no file, no log, no error text.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from landbridge.domain.azure.clouds import Cloud
from landbridge.domain.errors import AuthError, TargetUnavailableError
from landbridge.drivers.azureml.client import Request, Workspace
from landbridge.drivers.azureml.errors import translated
from landbridge.drivers.azureml.serving_reading import ONLINE, Seen

if TYPE_CHECKING:
    import httpx

HEADER = "azureml-model-deployment"
MODELS_OWN = "ms-azureml-model-error-statuscode"  # a managed router's: what the model itself answered
MODEL_FAILED = 424
UNAUTHORISED = (401, 403)
ROUTERS = (404, 408, 429, 503, 504)  # without the header: the router's word, the model was not heard
FRESH_SECONDS = 300.0
AUDIENCES = {
    Cloud.PUBLIC: "https://ml.azure.com/.default",
    Cloud.GOVERNMENT: "https://ml.azure.us/.default",
    Cloud.CHINA: "https://ml.azure.cn/.default",
}
_DOING = "reading the key of endpoint {}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `colour`: who answered, "" when nobody says so."""

    status: int
    text: str
    milliseconds: float
    colour: str

    @property
    def is_routers(self) -> bool:
        return not self.colour and self.status in ROUTERS


@dataclass(frozen=True, slots=True)
class Way:
    """How an endpoint is reached. `until`: monotonic, s."""

    url: str
    secret: str = field(repr=False)
    until: float


# Of each connection, and as long as it: a fork, and whoever logs in anew, has another one.
_WAYS: WeakKeyDictionary[Workspace, dict[str, Way]] = WeakKeyDictionary()
_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks endpoints of one workspace."""

    workspace: Workspace

    def ask(self, endpoint: str, colour: str, body: str, seconds: float, look: Callable[[], Seen]) -> Reply:
        """Send one request. A key that is refused is read anew, once.

        Args:
            look: reads the endpoint; called only when its address and key are not known yet.

        Raises:
            AuthError: the endpoint takes neither.
            TargetUnavailableError: no answer.
        """
        reply = self._send(endpoint, colour, (body, seconds), look)
        if reply.status in UNAUTHORISED:
            self._forget(endpoint)
            reply = self._send(endpoint, colour, (body, seconds), look)
        if reply.is_routers:
            self._forget(endpoint)  # the endpoint may be another one by now
        if reply.status in UNAUTHORISED and not reply.colour:
            hint = "Check the role of this identity on the endpoint, and the target's option auth_mode."
            raise AuthError(f"Endpoint {endpoint} refuses its own key or token: HTTP {reply.status}.", hint)
        return reply

    def _send(self, endpoint: str, colour: str, asked: tuple[str, float], look: Callable[[], Seen]) -> Reply:
        try:
            return _post(self._way(endpoint, look), colour, *asked)
        except TargetUnavailableError:
            self._forget(endpoint)
            raise

    def _way(self, endpoint: str, look: Callable[[], Seen]) -> Way:
        with _LOCK:
            known = _WAYS.setdefault(self.workspace, {}).get(endpoint)
        if known and known.until > time.monotonic():
            return known
        seen = look()
        way = Way(seen.url, self._secret(seen), time.monotonic() + FRESH_SECONDS)
        with _LOCK:
            _WAYS.setdefault(self.workspace, {})[endpoint] = way
        return way

    def _forget(self, endpoint: str) -> None:
        with _LOCK:
            _WAYS.get(self.workspace, {}).pop(endpoint, None)

    def _secret(self, seen: Seen) -> str:
        """By the endpoint's mode; it may have been made by somebody else."""
        resource = seen.resource or {"properties": {}}
        mode = str(resource["properties"].get("authMode") or "").lower()
        if mode == "aadtoken":
            return token_for(self.workspace, f"endpoint {seen.endpoint}")
        path, key = ("listKeys", "primaryKey") if mode == "key" else ("token", "accessToken")
        request = Request("POST", f"onlineEndpoints/{seen.endpoint}/{path}", _DOING.format(seen.endpoint), ONLINE)
        return str(self.workspace.ask(request).body.get(key) or "")


def _post(way: Way, colour: str, body: str, seconds: float) -> Reply:
    import httpx

    headers = {"Authorization": f"Bearer {way.secret}", "Content-Type": "application/json"}
    if colour:
        headers[HEADER] = colour
    began = time.perf_counter()
    try:
        response = httpx.post(way.url, content=body.encode(), headers=headers, timeout=seconds)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise unanswered(way.url, error, "See `landbridge status`; check the way to it.") from error
    return _reply(response, 1000 * (time.perf_counter() - began))


def _reply(response: "httpx.Response", milliseconds: float) -> Reply:
    own = response.headers.get(MODELS_OWN, "")
    status = int(own) if response.status_code == MODEL_FAILED and own.isdecimal() else response.status_code
    return Reply(status, response.text, milliseconds, response.headers.get(HEADER, ""))


def token_for(workspace: Workspace, whom: str) -> str:
    """A token of this identity that endpoints take. Raises AuthError."""
    with translated(f"asking for a token for {whom}"):
        return workspace.credential.get_token(AUDIENCES[workspace.place.cloud]).token


def unanswered(url: str, error: Exception, hint: str) -> TargetUnavailableError:
    words = f"{type(error).__name__}: {str(error).rstrip('.') or 'no further words'}"
    return TargetUnavailableError(f"{url} gave no answer: {words}.", hint)
