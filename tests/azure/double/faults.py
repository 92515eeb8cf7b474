"""The plan of what goes wrong: for requests that match, an error, a silence, a half answer, or a bad end of an operation."""

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

WORDS = {
    400: ("UserError", "The request is wrong."),
    401: ("AuthenticationFailed", "Authentication failed. The access token is missing or expired."),
    403: ("AuthorizationFailed", "The client does not have authorization to perform the action over the scope."),
    404: ("ResourceNotFound", "The resource was not found."),
    409: ("Conflict", "Another operation is in progress on this resource."),
    412: ("PreconditionFailed", "The condition specified using HTTP conditional headers is not met."),
    429: ("TooManyRequests", "The request is throttled."),
    500: ("InternalServerError", "An internal error has occurred."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
}


@dataclass(slots=True, eq=False)
class Fault:
    """What happens to the requests that it matches.

    Attributes:
        method, pattern: the request's method ("" = any), and a regular expression that its URL, query included, holds.
        times: how many requests it meets; None = all. One that is never met fails the test.
        skip: how many matching requests pass before.
        status: answer this error, and do nothing else; `code` and `message` have defaults.
        retry_after: its header Retry-After, s.
        delay_seconds: wait first.
        hang: never answer.
        half: do what was asked, answer half of it, and break the connection off.
        lose: do what was asked, and break the connection off without an answer.
        operation_fails: (code, message) with which the operation that was started ends.
        operation_seconds: how much longer the operation takes.
        operation_held: the operation goes on when `release` is called.
        then: called when the request was dealt with, before its answer is sent; in a thread of its own.
    """

    method: str
    pattern: str
    times: int | None = 1
    skip: int = 0
    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: int | None = None
    delay_seconds: float = 0
    hang: bool = False
    half: bool = False
    lose: bool = False
    operation_fails: tuple[str, str] | None = None
    operation_seconds: float = 0
    operation_held: bool = False
    then: Callable[[], None] | None = None
    met: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False)
    _released: threading.Event = field(default_factory=threading.Event, init=False)

    def takes(self, method: str, url: str) -> bool:
        if self.method not in ("", method) or not re.search(self.pattern, url, re.IGNORECASE):
            return False
        self._seen += 1
        if self._seen <= self.skip or (self.times is not None and self.met >= self.times):
            return False
        self.met += 1
        return True

    def release(self) -> None:
        """Let held operations go on."""
        self._released.set()

    async def hold_operation(self) -> tuple[str, str] | None:
        """What an operation goes through before its work; a code and a message mean that it fails."""
        if self.operation_held:
            while not self._released.is_set():
                await asyncio.sleep(0.01)
        await asyncio.sleep(self.operation_seconds)
        return self.operation_fails

    def answer(self) -> Response:
        code, message = WORDS.get(self.status, ("Error", "Something failed."))
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        error = {"error": {"code": self.code or code, "message": self.message or message}}
        return JSONResponse(error, self.status, headers)


@dataclass(slots=True)
class FaultPlan:
    """The faults of one test, in the order in which they are asked."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, method: str, pattern: str, **what: object) -> Fault:
        """Plan one fault; the words are those of `Fault`."""
        fault = Fault(method, pattern, **what)  # type: ignore[arg-type]
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        self.faults.clear()

    def find(self, request: Request) -> Fault | None:
        return next((fault for fault in self.faults if fault.takes(request.method, str(request.url))), None)

    def unmet(self) -> list[str]:
        """Faults that nothing ran into: whoever planned them tested nothing."""
        return [f"{fault.method} {fault.pattern}" for fault in self.faults if not fault.met]


class Broken(Response):
    """Sends the first `share` of an answer, and breaks the connection off. 0 = not even a status, but one byte."""

    def __init__(self, whole: Response, share: float) -> None:
        super().__init__(status_code=whole.status_code)
        self._whole, self._share = whole, share
        self.body = whole.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def less(message: Message) -> None:
            if message["type"] == "http.response.body":
                content = message.get("body", b"")
                message = {**message, "body": content[: int(len(content) * self._share)], "more_body": True}
            await send(message)

        transport = send.__self__.transport  # type: ignore[attr-defined]  # of uvicorn's cycle: ASGI has no word for it
        if self._share:
            await self._whole(scope, receive, less)
            transport.close()  # what is written goes out first
        else:
            # Of an answer without any byte, urllib3 behind a proxy says that the proxy could not be reached, as if nothing
            # had been done (it asks `has_connected_to_proxy` of a connection that it closed already).
            transport.write(b"H")
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            continue
