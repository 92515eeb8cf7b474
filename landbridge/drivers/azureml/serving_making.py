"""Make, change and delete endpoints and colours; each waits for its turn, and until Azure says that it is done.

The one thing that nobody waits for here is a new colour: `observe` tells when it is Ready.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from landbridge.domain.errors import (
    CapabilityMissingError,
    ConflictError,
    InputError,
    NotFoundError,
    PermanentError,
    QuotaExceededError,
)
from landbridge.domain.plan import Finding
from landbridge.domain.requests import ColourSpec
from landbridge.drivers.azureml import serving_bodies as bodies
from landbridge.drivers.azureml.client import Request, Workspace
from landbridge.drivers.azureml.serving_bodies import Assets, Where
from landbridge.drivers.azureml.serving_reading import ONLINE, Seen, is_busy, is_ours, process, seen, state_of

Object = dict[str, Any]

WAIT_SECONDS = 300.0  # for an endpoint to be made or changed, or a colour to be deleted: it takes Azure minutes at most
TURN_SECONDS = 120.0  # for what goes on already
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, PAUSE_GROWTH = 0.05, 5.0, 1.5  # between two looks
ROOM = "endpoint.name"  # the field of findings about numbers


@dataclass(frozen=True, slots=True)
class Maker:
    """Reads and changes the endpoints of one workspace."""

    workspace: Workspace
    where: Where

    def look(self, endpoint: str) -> Seen:
        """Read an endpoint and its colours: two requests."""
        return seen(endpoint, *self._read(endpoint))

    def ensure_endpoint(self, found: Seen) -> None:
        """Return when the endpoint is there and takes colours.

        Raises:
            InputError: it is on another compute.
        """
        endpoint = found.endpoint
        if found.resource is not None and state_of(found.resource) == "Creating":
            self._turn(endpoint)
            found = self.look(endpoint)
        if found.resource is None:
            self._turn(endpoint)
        elif state_of(found.resource) != "Failed" or found.deployments:
            self._require_compute(found.resource, endpoint)
            return
        body = bodies.new_endpoint(self.where, str(self.workspace.resource()["location"]))
        self._put(endpoint_path(endpoint), body, f"making endpoint {endpoint}")

    def begin(self, spec: ColourSpec, assets: Assets) -> str:
        """Begin to make a colour that is not there; returns where Azure tells how it ends, "" when another call began it."""
        self._turn(spec.endpoint)
        resource = self._find(endpoint_path(spec.endpoint))
        if resource is None:
            raise ConflictError(f"Endpoint {spec.endpoint} was deleted just now.", "Try again.")
        body = bodies.deployment(spec, self.where, str(resource["location"]), assets, time.time())
        path, doing = colour_path(spec.endpoint, spec.colour), f"making {spec.colour} of endpoint {spec.endpoint}"
        try:
            answer = self.workspace.put(path, ONLINE, body, doing)
        except ConflictError:  # our own request, sent again by azure-core after its answer was lost
            made = self._find(path)
            if made and process(made) == bodies.process_of(spec) and state_of(made) == "Creating":
                return ""
            raise
        return answer.headers.get("azure-asyncoperation") or answer.headers.get("location", "")

    def retag(self, spec: ColourSpec, deployment: Mapping[str, Any]) -> None:
        """Let a running colour say what it is by now; its process goes on."""
        now, wanted = dict(deployment.get("tags") or {}), bodies.colour_tags(spec)
        if wanted.items() <= now.items():
            return
        self._turn(spec.endpoint)
        path, doing = colour_path(spec.endpoint, spec.colour), f"tagging {spec.colour} of endpoint {spec.endpoint}"
        changed = self.workspace.ask(Request("PATCH", path, doing, ONLINE, {"tags": {**now, **wanted}}))
        self.workspace.finish(changed, doing, WAIT_SECONDS)

    def put_traffic(self, endpoint: str, weights: Mapping[str, int]) -> None:
        """Return when every new request follows `weights`."""
        self._turn(endpoint)
        resource = self._find(endpoint_path(endpoint))
        if resource is None:
            raise NotFoundError(f"Endpoint {endpoint} was deleted just now.", "Apply a colour first; it creates one.")
        body, doing = bodies.with_traffic(resource, weights), f"changing the traffic of endpoint {endpoint}"
        self._put(endpoint_path(endpoint), body, doing)

    def end_colour(self, endpoint: str, colour: str) -> None:
        self._end(endpoint, colour_path(endpoint, colour))

    def end_endpoint(self, endpoint: str) -> None:
        """With all its colours."""
        self._end(endpoint, endpoint_path(endpoint))

    def _end(self, endpoint: str, path: str) -> None:
        self._turn(endpoint)
        gone = self.workspace.ask(Request("DELETE", path, f"deleting {path}", ONLINE))
        self.workspace.finish(gone, f"deleting {path}", WAIT_SECONDS)

    def _turn(self, endpoint: str) -> None:
        """Wait until no operation goes on there. One that deletes the endpoint is waited for too."""
        hint = "Try again when it has; a new colour takes up to 20 minutes."
        await_turn(lambda: self._read(endpoint), f"endpoint {endpoint}", hint)

    def _read(self, endpoint: str) -> tuple[Object | None, list[Object]]:
        path, doing = endpoint_path(endpoint), f"reading endpoint {endpoint}"
        resource = self._find(path)
        return resource, list(self.workspace.items(f"{path}/deployments", ONLINE, doing)) if resource else []

    def _find(self, path: str) -> Object | None:
        return self.workspace.find(path, ONLINE, f"reading {path}")

    def _put(self, path: str, body: Object, doing: str) -> None:
        self.workspace.finish(self.workspace.put(path, ONLINE, body, doing), doing, WAIT_SECONDS)

    def _require_compute(self, resource: Mapping[str, Any], endpoint: str) -> None:
        now = str(resource["properties"].get("compute") or "")
        if now.lower() != self.where.compute.lower():
            is_on, wanted = (one.rpartition("/")[2] or "machines of Azure" for one in (now, self.where.compute))
            message = f"Endpoint {endpoint} is on {is_on}; target {self.where.target} is on {wanted}."
            raise InputError(message, "Name another endpoint, or remove this one first (`landbridge` moves none).")


def await_turn(
    read: Callable[[], tuple[Object | None, list[Object]]], named: str, hint: str
) -> tuple[Object | None, list[Object]]:
    """Wait until no operation goes on at an endpoint; returns it and its deployments as they are then.

    Args:
        read: the same, at any time.

    Raises:
        ConflictError: one does not end.
    """
    deadline, pause = time.monotonic() + TURN_SECONDS, FIRST_PAUSE_SECONDS
    while True:
        resource, deployments = read()
        if not is_busy(resource, deployments):
            return resource, deployments
        if time.monotonic() > deadline:
            message = f"Another operation on {named} has not ended within {TURN_SECONDS:.0f} s."
            raise ConflictError(message, hint)
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * PAUSE_GROWTH)


def endpoint_path(endpoint: str) -> str:
    return f"onlineEndpoints/{endpoint}"


def colour_path(endpoint: str, colour: str) -> str:
    return f"{endpoint_path(endpoint)}/deployments/{colour}"


def require_ours(found: Seen, target: str) -> None:
    """Raises PermanentError for an endpoint that somebody else made."""
    if word := foreign(found, target):
        raise PermanentError(word.detail, word.hint)


def foreign(found: Seen, target: str) -> Finding | None:
    from landbridge.drivers.findings import refused

    if found.resource is None or is_ours(found.resource, target):
        return None
    detail = f"An endpoint {found.endpoint} is in the workspace already, and target {target} did not make it."
    hint = f"Choose another endpoint.name, or hand it over: give it the tag {bodies.TARGET}={target}."
    return refused(ROOM, detail, hint)


def require_room(words: Iterable[Finding]) -> None:
    """Raises QuotaExceededError for a limit on numbers, CapabilityMissingError for what is not there."""
    for word in words:
        kind = QuotaExceededError if word.field == ROOM else CapabilityMissingError
        raise kind(f"{word.field}: {word.detail}", word.hint)
