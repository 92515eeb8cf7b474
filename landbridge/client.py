"""Talks to the `landbridge up` process of a home, over its Unix socket. No Prefect, no MLflow; httpx only for a call.

Errors travel as JSON and arrive as the class they left: a command fails in the same words wherever the work was done.
"""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from landbridge import settings
from landbridge.domain import errors
from landbridge.domain.errors import LandbridgeError, PermanentError, TargetUnavailableError
from landbridge.domain.values import Json
from landbridge.lock import is_held

if TYPE_CHECKING:
    import httpx

JsonObject = dict[str, Json]

POLL_SECONDS = 0.05  # a follower sees an event this late at most
SILENCE_SECONDS = 2.0  # after so long without an event, ask whether the run still lives
# Prefect waits up to 60 s for a SQLite file that somebody locks; queries read registries and targets.
ANSWER_SECONDS = 90.0
FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What to run.

    Attributes:
        flow: a name in `flows.ALL`.
        parameters: the flow's, as JSON; `scenario` (the file's path) is what makes two runs "of one scenario".
        scenario: the scenario's name, for the run's tags; "" for none.
        trigger: `run`, `retrain`, `new-data:<name>`, `schedule`, `model-version`, `rollback`.
        idempotency: a second order with the same key gets the first run back; "" = always a new run.
    """

    flow: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    scenario: str = ""
    trigger: str = "run"
    idempotency: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """A flow run. `active`: it was going already, nothing new was started."""

    flow_run_id: str
    url: str
    active: bool = False


def encode_error(error: LandbridgeError) -> JsonObject:
    return {
        "error": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "where": error.where,
        "exit_code": error.exit_code,
    }


def decode_error(payload: Mapping[str, Any]) -> LandbridgeError:
    """Rebuild the error that `encode_error` wrote; a class unknown here is a PermanentError."""
    found = getattr(errors, str(payload.get("error", "")), None)
    kind = found if isinstance(found, type) and issubclass(found, LandbridgeError) else PermanentError
    message, hint = str(payload.get("message", "Unknown error.")), str(payload.get("hint", "Look at the log."))
    return kind(message, hint, str(payload.get("where", "")))


def events_path(home: str | Path, flow_run_id: str) -> Path:
    """Where a run tells what it does: one JSON object a line, appended."""
    return Path(home) / "runs" / flow_run_id / "events.jsonl"


def is_last(event: Mapping[str, Json]) -> bool:
    return event.get("step") == "run" and event.get("state") == FINISHED


class Client:
    """The control API of one home. Every method raises TargetUnavailableError when the host is not up."""

    def __init__(self, home: str | Path, timeout_seconds: float = ANSWER_SECONDS) -> None:
        self._home = Path(home)
        self._timeout = timeout_seconds

    def is_up(self) -> bool:
        """Whether a host answers now; it may still be starting (see `health()["state"]`)."""
        try:
            self.health()
        except TargetUnavailableError:
            return False
        return True

    def health(self) -> JsonObject:
        """`state` (starting, up, stopping), each service with pid, memory and URL, and the watch loop's last error."""
        return self._ask("GET", "/health")

    def run(self, order: RunOrder) -> Started:
        """Start a run at once. A run of the same scenario that is going already is returned, with `active`."""
        answer = self._ask("POST", "/runs", asdict(order), accept=(200, 201, 409))
        return Started(str(answer["flow_run_id"]), str(answer["url"]), bool(answer.get("active", False)))

    def runs(self, limit: int = 20) -> list[JsonObject]:
        """The newest first: `flow_run_id`, `name`, `flow`, `tags`, `state`, `type`, `message`, `final`, `url`, times."""
        return cast(list[JsonObject], self._ask("GET", f"/runs?limit={limit}")["runs"])

    def run_state(self, flow_run_id: str) -> JsonObject:
        """One run, with `final` and, when it has ended, its last event under `exit`."""
        return self._ask("GET", f"/runs/{flow_run_id}")

    def stop(self, flow_run_id: str) -> JsonObject:
        """Cancel a run; returns when its process is gone. Silent when it has ended already."""
        return self._ask("POST", f"/runs/{flow_run_id}/stop")

    def query(self, name: str, /, **params: Json) -> Json:
        """Ask one of the read-only questions of `landbridge.operations.queries`."""
        return self._ask("POST", f"/query/{name}", params)["answer"]

    def down(self, cancel_jobs: bool = False, wait_seconds: float = 60.0) -> None:
        """End the host and everything it started; returns when it has ended.

        Raises:
            TargetUnavailableError: it still runs after `wait_seconds`.
        """
        self._ask("POST", "/down", {"cancel_jobs": cancel_jobs})
        deadline = time.monotonic() + wait_seconds
        while is_held(self._home):
            if time.monotonic() > deadline:
                log = self._home / "services" / "up.log"
                raise TargetUnavailableError(f"landbridge did not stop within {wait_seconds:.0f} s.", f"Read {log}.")
            time.sleep(POLL_SECONDS)

    def follow(self, flow_run_id: str) -> Iterator[JsonObject]:
        """Yield a run's events from its first, as they come, to its last (`step: run, state: finished`)."""
        tail = _Tail(events_path(self._home, flow_run_id))
        heard = time.monotonic()
        while True:
            for event in tail.read():
                heard = time.monotonic()
                yield event
                if is_last(event):
                    return
            if time.monotonic() - heard > SILENCE_SECONDS:
                self.run_state(flow_run_id)  # raises when nobody is there any more who could end the story
                heard = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accept: tuple[int, ...] = (200, 201)
    ) -> JsonObject:
        import httpx

        if not _is_served(settings.control_socket(self._home)):
            raise TargetUnavailableError(f"landbridge is not up for {self._home}.", "Start it with `landbridge up`.")
        transport = httpx.HTTPTransport(uds=str(settings.control_socket(self._home)))
        try:
            with httpx.Client(transport=transport, base_url="http://landbridge", timeout=self._timeout) as http:
                return _read(http.request(method, path, json=body), accept)
        except httpx.TransportError as error:
            log = self._home / "services" / "up.log"
            raise TargetUnavailableError(
                f"The landbridge host did not answer {method} {path}: {error or type(error).__name__}.",
                f"Read {log}, then try again.",
            ) from error


def _is_served(path: Path) -> bool:
    """A killed host leaves its socket; asking httpx would find out too, but leak a descriptor."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _read(response: "httpx.Response", accept: tuple[int, ...]) -> JsonObject:
    payload = cast(JsonObject, response.json())
    if response.status_code not in accept or (response.is_error and "error" in payload):
        raise decode_error(payload)
    return payload


class _Tail:
    """Reads whole lines as they are appended; a half-written last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[JsonObject]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                fresh = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(fresh)
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]
