"""The control API: HTTP on a Unix socket that only its owner may open. `landbridge.client` speaks it."""

import asyncio
import contextlib
import importlib
import inspect
import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from landbridge.client import JsonObject, RunOrder, encode_error
from landbridge.domain.errors import (
    BusyError,
    InputError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    TransientError,
)
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json

if TYPE_CHECKING:
    from landbridge.host.flow_host import FlowHost

_GRACE_SECONDS = 2
_STATUS: tuple[tuple[type[LandbridgeError], int], ...] = (
    (NotFoundError, 404),
    (InputError, 400),
    (BusyError, 409),
    (TransientError, 503),
    (PermanentError, 422),
)

log = logging.getLogger("landbridge.host")


class Operated(Protocol):
    """What the control API needs of the host."""

    home: Path
    inventory_path: str

    def health(self) -> JsonObject: ...
    def flow_host(self) -> "FlowHost": ...
    def request_stop(self, cancel_jobs: bool) -> None: ...


def control_app(host: Operated, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The application; `more`: routes of the local serving agents."""
    api = _Api(host)
    routes = [
        Route("/health", api.health),
        Route("/runs", api.runs, methods=["GET"]),
        Route("/runs", api.start_run, methods=["POST"]),
        Route("/runs/{id:uuid}", api.run_state),
        Route("/runs/{id:uuid}/stop", api.stop_run, methods=["POST"]),
        Route("/query/{name}", api.query, methods=["GET", "POST"]),
        Route("/down", api.down, methods=["POST"]),
    ]
    handlers: Any = {LandbridgeError: _refuse, Exception: _fail}
    return Starlette(routes=[*routes, *more], exception_handlers=handlers)


class _Api:
    def __init__(self, host: Operated) -> None:
        self._host = host

    async def health(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._host.health())

    async def runs(self, request: Request) -> JSONResponse:
        limit = int(request.query_params.get("limit", "20"))
        return JSONResponse({"runs": await self._host.flow_host().recent(limit)})

    async def start_run(self, request: Request) -> JSONResponse:
        started = await self._host.flow_host().order(_order(await _body(request)))
        body = {"flow_run_id": started.flow_run_id, "url": started.url, "active": started.active}
        return JSONResponse(body, status_code=409 if started.active else 201)

    async def run_state(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._host.flow_host().describe(request.path_params["id"]))

    async def stop_run(self, request: Request) -> JSONResponse:
        run_id: UUID = request.path_params["id"]
        await self._host.flow_host().stop(run_id)
        return JSONResponse(await self._host.flow_host().describe(run_id))

    async def query(self, request: Request) -> JSONResponse:
        """Run one of `landbridge.operations.queries.QUERIES` in a thread: `function(home=, inventory=, **params)`."""
        queries: Mapping[str, Any] = importlib.import_module("landbridge.operations.queries").QUERIES
        name = request.path_params["name"]
        if name not in queries:
            raise InputError(f"No query {name!r}{nearest(name, queries)}.", f"Use one of: {', '.join(queries)}.")
        params = {**request.query_params, **await _body(request)}
        params = {"home": str(self._host.home), "inventory": self._host.inventory_path} | params
        try:
            inspect.signature(queries[name]).bind(**params)
        except TypeError as error:
            raise InputError(f"Query {name!r}: {error}.", "Give the parameters that the query takes.") from error
        return JSONResponse({"answer": await asyncio.to_thread(queries[name], **params)})

    async def down(self, request: Request) -> JSONResponse:
        self._host.request_stop(bool((await _body(request)).get("cancel_jobs", False)))
        return JSONResponse({"state": "stopping"})


class ControlServer(uvicorn.Server):
    """Leaves signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def control_server(app: Starlette) -> ControlServer:
    return ControlServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )


def listen_privately(path: Path) -> socket.socket:
    """Bind the control socket, mode 0600. One left by a killed host is taken away: the caller holds the home's lock."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen()
    return listener


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        found = json.loads(raw) if raw else {}
    except json.JSONDecodeError as error:
        raise InputError(f"The request is not JSON: {error}.", "Send one JSON object.") from error
    if not isinstance(found, dict):
        raise InputError("The request is not a JSON object.", "Send one JSON object.")
    return found


def _order(body: Mapping[str, Any]) -> RunOrder:
    known = {field.name for field in fields(RunOrder)}
    if unknown := sorted(set(body) - known):
        raise InputError(f"Unknown key {unknown[0]!r} in the order.", f"Use only: {', '.join(sorted(known))}.")
    if not body.get("flow"):
        raise InputError("The order names no flow.", "Add `flow`.")
    return RunOrder(**body)


async def _refuse(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LandbridgeError)
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 422)
    return JSONResponse(encode_error(error), status_code=status)


async def _fail(request: Request, error: Exception) -> JSONResponse:
    """A fault of ours: told with its class, the trace goes to the log."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    body: dict[str, Json] = encode_error(
        PermanentError(f"{type(error).__name__}: {error}", "Look at the trace in services/up.log and report it.")
    )
    return JSONResponse(body, status_code=500)
