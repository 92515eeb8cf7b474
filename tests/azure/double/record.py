"""What was asked and answered, for tests to read and for the validator to hold against Azure's specifications."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from tests.azure.double.wire import Json

_SECRET = {"authorization", "x-azureml-token", "cookie"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `sent` and `answered` are JSON values, or None where the body was something else."""

    service: str
    method: str
    url: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    sent: Json
    status: int
    answer_headers: Mapping[str, str]
    answered: Json
    is_injected: bool = False
    """A fault stood in for the double's own answer."""


@dataclass(slots=True)
class Recorder:
    """Everything that went over the wire, in the order of the answers."""

    exchanges: list[Exchange] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Requests that no route is for."""
    failures: list[str] = field(default_factory=list)
    """Traces of the double's own errors."""

    def add(self, service: str, request: Request, sent: bytes, response: Response, is_injected: bool) -> None:
        headers = {name: value for name, value in request.headers.items() if name not in _SECRET}
        query = {name.lower(): value for name, value in request.query_params.items()}
        answered = getattr(response, "body", b"")
        exchange = Exchange(
            service,
            request.method,
            str(request.url),
            request.scope["path"],
            query,
            headers,
            None if service == "blob" else _json(sent),
            response.status_code,
            dict(response.headers),
            None if service == "blob" else _json(bytes(answered)),
            is_injected,
        )
        self.exchanges.append(exchange)

    def asked(self, method: str, part: str) -> Iterator[Exchange]:
        """Exchanges of `method` whose path holds `part`."""
        return (one for one in self.exchanges if one.method == method and part.lower() in one.path.lower())


def _json(raw: bytes) -> Json:
    try:
        return json.loads(raw)
    except ValueError:
        return None
