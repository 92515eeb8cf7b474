"""Resources of Azure Resource Manager, and the operations that take a while."""

import asyncio
import copy
import datetime
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.faults import Fault
from tests.azure.double.wire import ArmError, Json, not_found

Work = Callable[[], Awaitable[None]]
POLL_MS = 20
"""Told to clients: `Retry-After` on a first answer must be whole seconds for azure-ai-ml, `retry-after-ms` need not be."""


class OperationError(Exception):
    """How an operation fails that was accepted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def last(resource_id: str) -> str:
    return resource_id.rstrip("/").rpartition("/")[2]


class Resources:
    """Every resource by its identifier, as it would be answered. Identifiers do not mind upper and lower case."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[str, Json]] = {}

    def put(self, resource: dict[str, Json]) -> dict[str, Json]:
        """Keep it; who made it and when is remembered over updates."""
        old = self._by_id.get(resource["id"].lower())
        made = (old or {}).get("systemData", {})
        created = {"createdAt": now(), "createdBy": "tests", "createdByType": "Application"}
        resource["systemData"] = {**created, **made, "lastModifiedAt": now()}
        self._by_id[resource["id"].lower()] = resource
        return resource

    def find(self, resource_id: str) -> dict[str, Json] | None:
        return self._by_id.get(resource_id.rstrip("/").lower())

    def get(self, resource_id: str) -> dict[str, Json]:
        """Raises ArmError 404."""
        if (found := self.find(resource_id)) is None:
            raise not_found(f"Resource {resource_id}")
        return found

    def children(self, collection_id: str) -> list[dict[str, Json]]:
        """Resources right under `collection_id` (`…/models/m/versions`), oldest first."""
        prefix = collection_id.rstrip("/").lower() + "/"
        return [one for key, one in self._by_id.items() if key.startswith(prefix) and "/" not in key[len(prefix) :]]

    def under(self, scope: str, kind: str) -> list[dict[str, Json]]:
        """Resources of type `kind` anywhere under `scope`."""
        inside = scope.rstrip("/").lower() + "/"
        of_kind = (one for key, one in self._by_id.items() if key.startswith(inside))
        return [one for one in of_kind if one["type"].lower() == kind.lower()]

    def remove(self, resource_id: str) -> None:
        """With all that is under it; silent when absent."""
        key = resource_id.rstrip("/").lower()
        self._by_id = {one: value for one, value in self._by_id.items() if one != key and not one.startswith(key + "/")}


@dataclass(slots=True)
class Operation:
    """One long-running operation."""

    target: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    error: dict[str, Json] | None = None
    started: str = field(default_factory=now)
    ended: str = ""


class Operations:
    """Runs what takes a while beside the requests, and tells how far it is."""

    def __init__(self, base_url: str, scope: str) -> None:
        self._base, self._scope = base_url, scope
        self._all: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[str] = []
        """Traces of the double's own errors."""

    def is_busy(self, scope: str) -> bool:
        """Whether an operation on the resource, or on one under it, goes on."""
        wanted = scope.lower()
        going = (one.target.lower() for one in self._all.values() if one.status == "InProgress")
        return any(target == wanted or target.startswith(wanted + "/") for target in going)

    def begin(self, request: Request, target: str, work: Work) -> dict[str, str]:
        """Start `work`; returns the headers that tell a client where to ask."""
        operation = Operation(target)
        self._all[operation.id] = operation
        task = asyncio.create_task(self._run(operation, work), name=f"operation on {target}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        version = request.query_params.get("api-version", "")
        url = f"{self._base}{self._scope}/operations/{operation.id}?api-version={version}"
        return {"Azure-AsyncOperation": url, "retry-after-ms": str(POLL_MS)}

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def status(self, request: Request) -> Response:
        """GET …/operations/{id}."""
        operation = self._all.get(str(request.path_params["operation"]))
        if operation is None:
            raise not_found("The operation")
        value: dict[str, Json] = {"id": request.url.path, "name": operation.id, "status": operation.status}
        value["startTime"] = operation.started
        if operation.ended:
            value["endTime"] = operation.ended
        if operation.error:
            value["error"] = operation.error
        return JSONResponse(value, headers={"retry-after-ms": str(POLL_MS)})

    async def result(self, request: Request) -> Response:
        """GET …/operationresults/{id}, which a `Location` header names: 202 until it is over, then 200 or its error."""
        operation = self._all.get(str(request.path_params["operation"]))
        if operation is None:
            raise not_found("The operation")
        if operation.status == "InProgress":
            return Response(status_code=202, headers={"Location": str(request.url), "retry-after-ms": str(POLL_MS)})
        if operation.error:
            raise ArmError(409, operation.error["code"], operation.error["message"])
        return Response(status_code=200)

    async def _run(self, operation: Operation, work: Work) -> None:
        try:
            await work()
            operation.status = "Succeeded"
        except OperationError as error:
            operation.error = {"code": error.code, "message": error.message}
            operation.status = "Failed"
        except Exception:  # noqa: BLE001  # told at the end of the test
            self.failures.append(f"operation on {operation.target}\n{traceback.format_exc()}")
            operation.error = {"code": "InternalServerError", "message": "The double failed."}
            operation.status = "Failed"
        finally:
            operation.ended = now()


@dataclass(slots=True)
class Arm:
    """Resources and operations together: how a resource is made, changed and deleted by a request."""

    resources: Resources
    operations: Operations

    def make(
        self, request: Request, resource: dict[str, Json], work: Work, status: int = 0, creating: str = "Creating"
    ) -> Response:
        """Answer a PUT or PATCH that takes a while: `work` runs, and its end becomes the resource's provisioning state."""
        is_new = self.resources.find(resource["id"]) is None
        state = creating if is_new else "Updating"
        resource["properties"]["provisioningState"] = state
        self.resources.put(resource)

        async def whole() -> None:
            state = "Failed"
            try:
                await _planned(request, work)
                state = "Succeeded"
            finally:
                if (current := self.resources.find(resource["id"])) is not None:
                    current["properties"]["provisioningState"] = state

        told = self.operations.begin(request, resource["id"], whole)
        return JSONResponse(copy.deepcopy(resource), status or (201 if is_new else 200), told)

    def delete(self, request: Request, resource_id: str, work: Work) -> Response:
        """Answer a DELETE: 204 when there is nothing, else 202 until `work` is done and the resource gone."""
        if self.resources.find(resource_id) is None:
            return Response(status_code=204)

        resource = self.resources.get(resource_id)
        resource["properties"]["provisioningState"] = "Deleting"

        async def whole() -> None:
            try:
                await _planned(request, work)
            except OperationError:
                resource["properties"]["provisioningState"] = "Failed"
                raise
            self.resources.remove(resource_id)

        return self._accepted(request, resource_id, whole)

    def act(self, request: Request, target: str, work: Work) -> Response:
        """Answer a POST whose `work` takes a while."""
        return self._accepted(request, target, lambda: _planned(request, work))

    def _accepted(self, request: Request, target: str, work: Work) -> Response:
        """202, with both ways to ask for the end."""
        headers = self.operations.begin(request, target, work)
        location = headers["Azure-AsyncOperation"].replace("/operations/", "/operationresults/")
        return Response(status_code=202, headers={**headers, "Location": location})


async def _planned(request: Request, work: Work) -> None:
    """`work`, and what the fault plan has for it."""
    fault: Fault | None = request.scope.get("fault")
    if fault and (failure := await fault.hold_operation()):
        raise OperationError(*failure)
    await work()


async def nothing() -> None:
    """The work of an operation that only takes its time."""
