"""Who may ask the blob service: the account's key, a SAS that it signed, or a token. Signatures are computed anew.

Source: learn.microsoft.com/rest/api/storageservices, "Authorize with Shared Key" and "Create a service SAS".
"""

import base64
import datetime
import hashlib
import hmac
from collections.abc import Callable

from starlette.requests import Request

from tests.azure.double.blob_error import BlobError

_SIGNED = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)
_SAS = ("sp", "st", "se", "", "si", "sip", "spr", "sv", "sr", "snapshot", "ses", "rscc", "rscd", "rsce", "rscl", "rsct")
"""Fields of a service SAS from version 2020-12-06 on; the resource stands where there is no name."""


class Access:
    """`knows_token` says whether a bearer token is one that the double issued and still honours."""

    def __init__(self, account: str, key: str, knows_token: Callable[[str], bool]) -> None:
        self._account, self._key, self._knows_token = account, base64.b64decode(key), knows_token

    def check(self, request: Request) -> None:
        """Raises BlobError, 401 or 403."""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "SharedKey":
            if value != f"{self._account}:{self._signature(_request_text(request, self._account))}":
                raise BlobError(403, "AuthenticationFailed")
        elif kind == "Bearer":
            if not self._knows_token(value):
                raise BlobError(401, "InvalidAuthenticationInfo")
        elif "sig" not in request.query_params:
            raise BlobError(401, "NoAuthenticationInformation")
        elif not self._is_good_sas(request):
            raise BlobError(403, "AuthenticationFailed")

    def _is_good_sas(self, request: Request) -> bool:
        query = request.query_params
        parts = request.scope["path"].strip("/").split("/", 1)
        name = parts[0] if query.get("sr") == "c" else "/".join(parts)
        text = "\n".join(query.get(field, "") if field else f"/blob/{self._account}/{name}" for field in _SAS)
        is_in_time = query.get("se", "") > datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return is_in_time and hmac.compare_digest(query["sig"], self._signature(text))

    def _signature(self, text: str) -> str:
        return base64.b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()


def _request_text(request: Request, account: str) -> str:
    headers = request.headers
    signed = [headers.get(name, "") for name in _SIGNED]
    if headers.get("content-length") == "0":
        signed[_SIGNED.index("content-length")] = ""
    # The service sorts like a dictionary: dashes count only where all else is equal.
    own = sorted((name for name in headers if name.startswith("x-ms-")), key=lambda name: (name.replace("-", ""), name))
    resource = f"/{account}{request.scope['raw_path'].decode('latin-1')}"
    query = [f"{name}:{value}" for name, value in sorted(request.query_params.items())]
    return "\n".join([request.method, *signed, *(f"{name}:{headers[name]}" for name in own), resource, *query])
