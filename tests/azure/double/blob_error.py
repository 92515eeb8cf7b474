"""What the blob service refuses, in its own words."""

from starlette.requests import Request
from starlette.responses import Response


class BlobError(Exception):
    """A status and one of the service's codes."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code

    def answer(self, request: Request) -> Response:
        words = f"<Code>{self.code}</Code><Message>{self.code}</Message>"
        has_no_body = request.method == "HEAD" or self.status == 304
        text = "" if has_no_body else f'<?xml version="1.0" encoding="utf-8"?><Error>{words}</Error>'
        headers = {"x-ms-error-code": self.code, "Content-Type": "application/xml"}
        return Response(text, self.status, headers)
