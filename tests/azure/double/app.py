"""The double as one ASGI application: whom a request is for, what the fault plan does to it, and what is written down."""

import asyncio
import traceback
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.azure.double.faults import Broken, Fault, FaultPlan
from tests.azure.double.places import Places
from tests.azure.double.record import Recorder
from tests.azure.double.wire import ArmError, Handler, NoRouteError


class App:
    """Sends each request to the service that its host belongs to."""

    def __init__(self, places: Places, services: Mapping[str, Handler], faults: FaultPlan, recorder: Recorder) -> None:
        self._places, self._services, self._faults, self._recorder = places, services, faults, recorder
        self.stopping = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        service = self._places.service(request.headers.get("host", ""))
        try:
            sent = await request.body()
        except ClientDisconnect:
            return
        fault = self._faults.find(request)
        response = await self._answer(service, request, fault)
        if response is None:
            return
        self._recorder.add(service, request, sent, response, fault is not None and bool(fault.status))
        if fault and fault.then:
            await asyncio.to_thread(fault.then)
        if fault and (fault.half or fault.lose):
            response = Broken(response, 0.5 if fault.half else 0)
        await response(scope, receive, send)

    async def _answer(self, service: str, request: Request, fault: Fault | None) -> Response | None:
        if fault is None:
            return await self._handle(service, request)
        request.scope["fault"] = fault
        await asyncio.sleep(fault.delay_seconds)
        if fault.hang:
            await self._wait_for_the_end(request)
            return None
        return fault.answer() if fault.status else await self._handle(service, request)

    async def _wait_for_the_end(self, request: Request) -> None:
        """Until the client gives up or the double stops."""
        while not self.stopping.is_set() and not await request.is_disconnected():
            await asyncio.sleep(0.02)

    async def _handle(self, service: str, request: Request) -> Response:
        handler = self._services.get(service)
        try:
            if handler is None:
                raise NoRouteError(f"{request.method} {request.url}")
            return await handler(request)
        except ArmError as error:
            return error.answer()
        except NoRouteError as error:
            self._recorder.unanswered.append(str(error))
            return JSONResponse({"error": {"code": "NotPlayed", "message": f"No route: {error}"}}, 404)
        except Exception:  # noqa: BLE001  # told at the end of the test
            self._recorder.failures.append(f"{request.method} {request.url}\n{traceback.format_exc()}")
            return JSONResponse({"error": {"code": "InternalServerError", "message": "The double failed."}}, 500)
