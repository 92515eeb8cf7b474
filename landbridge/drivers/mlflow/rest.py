"""One HTTP connection to an MLflow server; whatever goes wrong leaves as one of our errors."""

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from landbridge.domain.errors import PermanentError
from landbridge.drivers.mlflow.options import Options
from landbridge.drivers.mlflow.translate import refused, unreachable

if TYPE_CHECKING:
    import httpx

API = "/api/2.0/mlflow/"
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 60.0  # between two pieces of an answer; registering waits for a database, artifacts for a disk
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Rest:
    """Calls of one server. Safe to share between threads; a forked child opens connections of its own."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client: httpx.Client | None = None
        self._process = 0

    @property
    def site(self) -> str:
        return self._options.site

    @property
    def uri(self) -> str:
        return self._options.address()

    def get(self, path: str, params: Mapping[str, Any], absent: tuple[str, ...] = ()) -> dict[str, Any]:
        """Call a method of the REST API. `absent`: further error codes that mean "no such thing" here.

        Raises:
            NotFoundError, TargetUnavailableError, AuthError, ConflictError, PermanentError
        """
        return self.call("GET", API + path, absent=absent, params=dict(params))

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("POST", API + path, json=dict(body))

    def delete(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.call("DELETE", API + path, json=dict(body))

    def call(self, method: str, path: str, absent: tuple[str, ...] = (), **request: Any) -> dict[str, Any]:
        with self.stream(method, path, absent=absent, **request) as response:
            response.read()
            try:
                answer = response.json() if response.content else {}
            except ValueError as error:
                raise _no_mlflow(response) from error
            if not isinstance(answer, dict):
                raise _no_mlflow(response)
            return answer

    @contextmanager
    def stream(
        self, method: str, path: str, absent: tuple[str, ...] = (), **request: Any
    ) -> Iterator["httpx.Response"]:
        """The answer, its body unread; only good answers come back."""
        import httpx

        url = self.uri + path
        try:
            with self._connection().stream(method, url, **request) as response:
                if response.status_code >= 300:
                    response.read()
                    raise refused(response.status_code, response.text, self._where(url), absent)
                yield response
        except httpx.HTTPError as error:
            raise unreachable(error, self._where(url)) from error

    def _where(self, url: str) -> str:
        return f"the model registry of site {self.site!r} ({url})"

    def _connection(self) -> "httpx.Client":
        if self._client is None or self._process != os.getpid():
            self._client, self._process = self._open(), os.getpid()
            weakref.finalize(self, self._client.close)  # httpx leaves its sockets open
        return self._client

    def _open(self) -> "httpx.Client":
        import httpx

        parts = urlsplit(self.uri)
        options = self._options
        return httpx.Client(
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            auth=(options.username, options.password) if options.username and not options.token else None,
            headers={"Authorization": f"Bearer {options.token}"} if options.token else {},
            trust_env=parts.hostname not in _LOOPBACK,  # a company's proxy must not see loopback calls
            verify=parts.scheme == "https",  # building a TLS context takes 20 ms
        )


def _no_mlflow(response: "httpx.Response") -> PermanentError:
    return PermanentError(
        f"{response.url} answered {response.status_code} without the JSON of an MLflow server.",
        "Check the registry's `uri` in the inventory; a login page or a proxy may answer instead.",
    )
