"""What every service of the double speaks: ARM's errors, JSON answers, and a table of routes."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

Json = Any
Handler = Callable[[Request], Awaitable[Response]]
Handlers = Mapping[str, Handler]
"""Method → handler."""


class ArmError(Exception):
    """What Azure answers when it refuses: `{"error": {"code", "message"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message

    def answer(self, headers: Mapping[str, str] | None = None) -> Response:
        return JSONResponse({"error": {"code": self.code, "message": self.message}}, self.status, headers)


def not_found(what: str) -> ArmError:
    return ArmError(404, "ResourceNotFound", f"{what} was not found.")


def bad_request(message: str, code: str = "UserError") -> ArmError:
    return ArmError(400, code, message)


class NoRouteError(Exception):
    """The double does not play this address: the test must fail, since nothing true can be answered."""


class Routes:
    """Templates such as `/computes/{name}` → handlers by method. Paths of ARM do not mind upper and lower case."""

    def __init__(self, table: Mapping[str, Handlers]) -> None:
        self._table = [(re.compile(compile_path(path)[0].pattern, re.IGNORECASE), on) for path, on in table.items()]

    async def __call__(self, request: Request) -> Response:
        """Raises NoRouteError without a route."""
        for pattern, handlers in self._table:
            if (match := pattern.match(request.scope["path"])) and request.method in handlers:
                request.scope["path_params"] = match.groupdict()
                return await handlers[request.method](request)
        raise NoRouteError(f"{request.method} {request.url}")


def part(request: Request, name: str) -> str:
    """A part of the path."""
    return str(request.path_params[name])


def said(some: Mapping[str, Json] | None) -> dict[str, Json]:
    """What is not null: SDKs send null for what was not said."""
    return {key: value for key, value in (some or {}).items() if value is not None}


async def body(request: Request) -> dict[str, Json]:
    """The request's JSON object; {} without a body. Raises ArmError on anything else."""
    if not (raw := await request.body()):
        return {}
    try:
        value = await request.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ArmError(400, "InvalidRequestContent", f"The request content was invalid: {raw[:80]!r}.")
    return value
