"""Make batch endpoints and their deployments; each waits for its turn, and until Azure says that it is done. Safe to repeat.

An endpoint that is full makes room by itself: what landbridge made and nobody has scored with for longest goes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landbridge.domain.errors import ConflictError, PermanentError, QuotaExceededError
from landbridge.domain.plan import Finding
from landbridge.drivers.azureml.batch_bodies import new_endpoint
from landbridge.drivers.azureml.batch_room import ROOM, room
from landbridge.drivers.azureml.client import Object, Request, Workspace
from landbridge.drivers.azureml.region_room import endpoints, full_region
from landbridge.drivers.azureml.serving_making import await_turn
from landbridge.drivers.azureml.serving_reading import ENDED, ONLINE, is_ours, state_of
from landbridge.drivers.findings import refused

BATCH = ONLINE  # the API version: of one document
WAIT_SECONDS = 600.0  # for an endpoint or a deployment: Azure checks what it names, and starts no machine
NAME = "endpoint.name"


@dataclass(frozen=True, slots=True)
class BatchMaker:
    """Reads and makes the batch endpoints of one workspace for one target."""

    workspace: Workspace
    target: str

    def ensure_endpoint(self, endpoint: str) -> Object:
        """Return the endpoint when it takes deployments.

        Raises:
            PermanentError: somebody else made it.
        """
        path = f"batchEndpoints/{endpoint}"
        found, _ = self._turn(endpoint)
        if found is not None and not is_ours(found, self.target):
            word = self._foreign(endpoint)
            raise PermanentError(word.detail, word.hint)
        if found is not None and state_of(found) not in ENDED:
            return found
        return self._make(endpoint, path, new_endpoint(self.target, str(self.workspace.resource()["location"])))

    def ensure_deployment(self, endpoint: str, name: str, body: Object) -> Object:
        """Return the deployment when it takes jobs. One that failed is made anew; where the endpoint is full, others go first.

        Raises:
            QuotaExceededError: it is full, and none may go.
        """
        path = f"batchEndpoints/{endpoint}/deployments/{name}"
        whole, there = self._turn(endpoint)
        found = self._find(path) if whole else None
        if found is not None and state_of(found) not in ENDED:
            return found
        if found is not None:
            self._delete(path)
        elif whole is not None:
            self._make_room(whole, there, name)
        return self._make(endpoint, path, body)

    def obstacles(self, endpoint: str, deployment: str) -> Iterator[Finding]:
        """What stands in the way of this deployment: somebody else's endpoint, or Azure's limits on numbers."""
        found = self._find(f"batchEndpoints/{endpoint}")
        if found is None:
            yield from self._full_region(is_new=True)
            return
        if not is_ours(found, self.target):
            yield self._foreign(endpoint)
            return
        there = self._deployments(endpoint)
        found_room = room(self.workspace, found, there, deployment, self.target)
        if found_room.refusal:
            yield found_room.refusal
        elif not found_room.go and deployment not in {one["name"] for one in there}:
            yield from self._full_region(is_new=False)

    def _make_room(self, endpoint: Object, there: Sequence[Object], deployment: str) -> None:
        """Killed half-way it is no harm: the next order finds the room that was made."""
        found = room(self.workspace, endpoint, there, deployment, self.target)
        if found.refusal:
            raise QuotaExceededError(found.refusal.detail, found.refusal.hint)
        for name in found.go:
            self._delete(f"batchEndpoints/{endpoint['name']}/deployments/{name}")

    def _delete(self, path: str) -> None:
        doing = f"deleting {path}"
        self.workspace.finish(self.workspace.ask(Request("DELETE", path, doing, BATCH)), doing, WAIT_SECONDS)

    def _full_region(self, is_new: bool) -> Iterator[Finding]:
        if word := full_region(self.workspace, list(endpoints(self.workspace)), is_new):
            yield refused(ROOM, *word)

    def _foreign(self, endpoint: str) -> Finding:
        detail = f"A batch endpoint {endpoint} is in the workspace already, and target {self.target} did not make it."
        hint = f"Choose another endpoint.name, or hand it over: give it the tag landbridge.target={self.target}."
        return refused(NAME, detail, hint)

    def _make(self, endpoint: str, path: str, body: Object) -> Object:
        doing = f"making {path}"
        try:
            self.workspace.finish(self.workspace.put(path, BATCH, body, doing), doing, WAIT_SECONDS)
        except ConflictError:  # our own request, sent again after its answer was lost, or another submit's
            if self._settled(endpoint, path) is None:
                raise
        made = self._settled(endpoint, path)
        if made is None or state_of(made) in ENDED:
            raise ConflictError(f"{path} was {'deleted' if made is None else 'changed'} just now.", "Try again.")
        return made

    def _settled(self, endpoint: str, path: str) -> Object | None:
        """What is at `path`, once no operation goes on at the endpoint."""
        whole, _ = self._turn(endpoint)
        return self._find(path) if whole else None

    def _turn(self, endpoint: str) -> tuple[Object | None, list[Object]]:
        """The endpoint and its deployments, once no operation goes on there."""
        return await_turn(lambda: self._read(endpoint), f"batch endpoint {endpoint}", "Try again when it has.")

    def _read(self, endpoint: str) -> tuple[Object | None, list[Object]]:
        resource = self._find(f"batchEndpoints/{endpoint}")
        return resource, self._deployments(endpoint) if resource else []

    def _deployments(self, endpoint: str) -> list[Object]:
        path = f"batchEndpoints/{endpoint}/deployments"
        return list(self.workspace.items(path, BATCH, f"reading {path}"))

    def _find(self, path: str) -> Object | None:
        return self.workspace.find(path, BATCH, f"reading {path}")
