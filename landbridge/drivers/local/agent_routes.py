"""The agent's API: Starlette routes that the host mounts at `/sites/<target>` on its control socket.

    PUT, DELETE  /endpoints/{endpoint}/colours/{colour}
    PUT          /endpoints/{endpoint}/traffic
    GET          /endpoints/{endpoint}   /endpoints/{endpoint}/counts   /endpoints

Errors travel as `landbridge.client.encode_error` writes them.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from landbridge.client import encode_error
from landbridge.domain.errors import InputError, LandbridgeError
from landbridge.drivers.local.serving_wire import counts_to_json, spec_from_json, status_to_json

if TYPE_CHECKING:
    from landbridge.drivers.local.agent import SiteAgent

Answer = Callable[[Request], Awaitable[Any]]
_REFUSED = 422


def routes(agent: "SiteAgent") -> list[BaseRoute]:
    """One route per verb of the port."""

    async def apply(request: Request) -> None:
        try:
            spec = spec_from_json(await request.json())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"This is no colour: {error!r}.", "Send what serving_wire.spec_to_json writes.") from error
        await agent.apply(spec)

    async def remove(request: Request) -> None:
        await agent.remove(request.path_params["endpoint"], request.path_params["colour"])

    async def shift(request: Request) -> None:
        await agent.shift(request.path_params["endpoint"], await request.json())

    async def observe(request: Request) -> Any:
        return status_to_json(agent.observe(request.path_params["endpoint"]))

    async def counts(request: Request) -> Any:
        return counts_to_json(await agent.counts(request.path_params["endpoint"]))

    async def endpoints(_request: Request) -> Any:
        return list(agent.endpoints())

    one = "/endpoints/{endpoint}"
    return [
        Route(f"{one}/colours/{{colour}}", _told(apply), methods=["PUT"]),
        Route(f"{one}/colours/{{colour}}", _told(remove), methods=["DELETE"]),
        Route(f"{one}/traffic", _told(shift), methods=["PUT"]),
        Route(f"{one}/counts", _told(counts)),
        Route(one, _told(observe)),
        Route("/endpoints", _told(endpoints)),
    ]


def _told(answer: Answer) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Wrap the answer, or the error, in JSON."""

    async def told(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"answer": await answer(request)})
        except LandbridgeError as error:
            return JSONResponse(encode_error(error), status_code=_REFUSED)

    return told
