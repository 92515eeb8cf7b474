"""The blob service over HTTP, as azure-storage-blob and adlfs speak it: containers, block blobs, lists, ranges, copies.

tests/azure/test_blob.py asks the same of Azurite where there is one.
"""

import base64
import datetime
import email.utils
import hashlib
import re
import urllib.parse

from starlette.requests import Request
from starlette.responses import Response

from tests.azure.double.blob_access import Access
from tests.azure.double.blob_error import BlobError
from tests.azure.double.blob_list import containers_xml, list_xml
from tests.azure.double.blob_store import Blob, BlobStore, Container

VERSION = "2026-02-06"
_META = "x-ms-meta-"
_BLOCK = re.compile(rb"<(?:Latest|Committed|Uncommitted)>([^<]+)<")


class BlobService:
    """One account."""

    def __init__(self, store: BlobStore, account: str, access: Access) -> None:
        self._store, self._account, self._access = store, account, access

    async def __call__(self, request: Request) -> Response:
        name, _, blob = request.scope["path"].lstrip("/").partition("/")
        try:
            self._access.check(request)
            if not name:
                response = _xml(containers_xml(self._account, self._store, request.query_params))
            elif request.query_params.get("restype") == "container":
                response = self._container(request, name)
            else:
                response = await self._blob(request, self._existing(name), blob)
        except BlobError as error:
            response = error.answer(request)
        response.headers["x-ms-version"] = request.headers.get("x-ms-version", VERSION)
        response.headers["x-ms-request-id"] = f"{id(request):x}"
        return response

    def _existing(self, name: str) -> Container:
        if name not in self._store.containers:
            raise BlobError(404, "ContainerNotFound")
        return self._store.containers[name]

    def _container(self, request: Request, name: str) -> Response:
        if request.method == "PUT":
            if name in self._store.containers:
                raise BlobError(409, "ContainerAlreadyExists")
            self._store.make(name)
            return Response(status_code=201, headers=_stamped(None))
        container = self._existing(name)
        if request.method == "DELETE":
            del self._store.containers[name]
            return Response(status_code=202)
        if request.query_params.get("comp") == "list":
            return _xml(list_xml(self._account, name, container, request.query_params))
        headers = {"ETag": '"0x8D"', "Last-Modified": email.utils.format_datetime(container.created, usegmt=True)}
        return Response(headers={**headers, "x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"})

    async def _blob(self, request: Request, container: Container, name: str) -> Response:
        comp = request.query_params.get("comp", "")
        if request.method == "PUT":
            if comp == "metadata":
                return _set_metadata(request, _one(container, name))
            if comp == "block":
                container.blocks[name, request.query_params["blockid"]] = await request.body()
                return Response(status_code=201, headers={"x-ms-request-server-encrypted": "true"})
            return await _put(request, container, name)
        blob = _one(container, name)
        _check_conditions(request, blob)
        if request.method == "DELETE":
            del container.blobs[name]
            return Response(status_code=202, headers={"x-ms-delete-type-permanent": "true"})
        if request.method == "HEAD":
            return _Head(blob)
        if request.method == "GET" and not comp:
            return _get(request, blob)
        raise BlobError(400, "InvalidQueryParameterValue")


class _Head(Response):
    """Properties of a blob: the length is the blob's, the body is empty."""

    def __init__(self, blob: Blob) -> None:
        super().__init__(headers=_properties(blob))
        self.headers["content-length"] = str(len(blob.data))


async def _put(request: Request, container: Container, name: str) -> Response:
    if request.headers.get("if-none-match") == "*" and name in container.blobs:
        raise BlobError(409, "BlobAlreadyExists")
    if name in container.blobs:
        _check_conditions(request, container.blobs[name])
    content = request.headers.get("x-ms-blob-content-type") or request.headers.get("content-type", "")
    metadata = _metadata(request)
    if source := request.headers.get("x-ms-copy-source"):
        original = _source(container, source)
        blob = Blob(original.data, original.content_type, original.content_md5, metadata or dict(original.metadata))
        container.blobs[name] = blob
        copied = {"x-ms-copy-id": blob.etag.strip('"'), "x-ms-copy-status": "success"}
        return Response(status_code=202, headers={**_stamped(blob), **copied})
    data = await request.body()
    if request.query_params.get("comp") == "blocklist":
        data = _committed(container, name, data)
    elif request.headers.get("x-ms-blob-type") != "BlockBlob":
        raise BlobError(400, "UnsupportedHeader")
    md5 = request.headers.get("x-ms-blob-content-md5") or base64.b64encode(hashlib.md5(data).digest()).decode()
    container.blobs[name] = blob = Blob(data, content or "application/octet-stream", md5, metadata)
    return Response(status_code=201, headers={**_stamped(blob), "x-ms-request-server-encrypted": "true"})


def _committed(container: Container, name: str, listed: bytes) -> bytes:
    ids = [one.decode() for one in _BLOCK.findall(listed)]
    if any((name, one) not in container.blocks for one in ids):
        raise BlobError(400, "InvalidBlockList")
    data = b"".join(container.blocks[name, one] for one in ids)
    for key in [key for key in container.blocks if key[0] == name]:
        del container.blocks[key]
    return data


def _source(container: Container, url: str) -> Blob:
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path).lstrip("/")
    return _one(container, path.partition("/")[2])


def _get(request: Request, blob: Blob) -> Response:
    wanted = request.headers.get("x-ms-range") or request.headers.get("range")
    if not wanted:
        return Response(blob.data, headers=_properties(blob))
    first, _, end = wanted.removeprefix("bytes=").partition("-")
    start, stop = int(first), int(end or len(blob.data)) + 1
    if start >= len(blob.data):
        raise BlobError(416, "InvalidRange")
    piece = blob.data[start:stop]
    content_range = f"bytes {start}-{start + len(piece) - 1}/{len(blob.data)}"
    headers = _properties(blob)
    whole = headers.pop("Content-MD5", "")
    headers |= {"Content-Range": content_range, "x-ms-blob-content-md5": whole}
    return Response(piece, 206, headers)


def _set_metadata(request: Request, blob: Blob) -> Response:
    _check_conditions(request, blob)
    blob.metadata = _metadata(request)
    blob.touch()
    return Response(headers=_stamped(blob))


def _one(container: Container, name: str) -> Blob:
    if name not in container.blobs:
        raise BlobError(404, "BlobNotFound")
    return container.blobs[name]


def _check_conditions(request: Request, blob: Blob) -> None:
    if (wanted := request.headers.get("if-match")) and wanted not in ("*", blob.etag):
        raise BlobError(412, "ConditionNotMet")
    if (unwanted := request.headers.get("if-none-match")) and unwanted == blob.etag:
        raise BlobError(304 if request.method in {"GET", "HEAD"} else 412, "ConditionNotMet")


def _metadata(request: Request) -> dict[str, str]:
    return {key[len(_META) :]: value for key, value in request.headers.items() if key.startswith(_META)}


def _stamped(blob: Blob | None) -> dict[str, str]:
    modified = blob.modified if blob else datetime.datetime.now(datetime.UTC)
    return {
        "ETag": blob.etag if blob else '"0x8D"',
        "Last-Modified": email.utils.format_datetime(modified, usegmt=True),
    }


def _properties(blob: Blob) -> dict[str, str]:
    fixed = {"x-ms-blob-type": "BlockBlob", "x-ms-server-encrypted": "true", "Accept-Ranges": "bytes"}
    lease = {"x-ms-lease-status": "unlocked", "x-ms-lease-state": "available"}
    headers = {**_stamped(blob), **fixed, **lease, "Content-Type": blob.content_type}
    headers["x-ms-creation-time"] = headers["Last-Modified"]
    if blob.content_md5:
        headers["Content-MD5"] = blob.content_md5
    return headers | {f"{_META}{key}": value for key, value in blob.metadata.items()}


def _xml(text: str) -> Response:
    return Response(text, media_type="application/xml")
