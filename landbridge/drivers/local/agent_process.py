"""Keeps one model server process alive: starts it, tells when it answers, restarts it with back-off, gives up with a reason."""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from landbridge.domain.errors import TargetUnavailableError
from landbridge.domain.scenario import Probe
from landbridge.domain.values import ColourPhase
from landbridge.runner import model_server

if TYPE_CHECKING:
    from landbridge.runner.forks import Child

START_SECONDS = 20 * 60.0  # Azure ML's limit on creating a deployment
FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS = 0.2, 10.0
CRASHES, CRASHES_UNREADY = 5, 3  # so many within the window: it keeps crashing; fewer when it never answered
WINDOW_SECONDS = 120.0
STABLE_SECONDS = 30.0  # after so long without a crash it is well again
END_SECONDS = 12.0  # a little over the server's own grace for open requests
POLL_SECONDS, POLL_LATER_SECONDS = 0.005, 0.05
PING_SECONDS = 1.0
_FINAL = frozenset({model_server.DIGEST_MISMATCH, model_server.NO_MODEL, model_server.MISSING_PACKAGE})

log = logging.getLogger("landbridge.serving")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one process, where it listens, and where it says why it could not serve."""

    start: Callable[[], Awaitable["Child"]]
    name: str
    socket: Path
    reason: Path
    liveness: Probe
    readiness: Probe


class ServerProcess:
    """One instance of a colour. `changed` is called whenever `phase`, `reason` or `restarts` are new."""

    def __init__(self, launch: Launch, changed: Callable[[], None]) -> None:
        self._launch, self._changed = launch, changed
        self._task: asyncio.Task[None] | None = None
        self._crashes: deque[float] = deque()
        self._was_ready = self._is_ready = False
        self._given_up = False
        self._ended_by = ""
        self.child: Child | None = None
        self.reason = "Starting"
        self.restarts = 0

    @property
    def phase(self) -> ColourPhase:
        if self._given_up:
            return ColourPhase.FAILED
        return ColourPhase.READY if self._is_ready else ColourPhase.PENDING

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name=self._launch.name)

    async def stop(self) -> None:
        """End it after its requests in flight."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._is_ready = False
        if self.child is not None:
            await self.child.end(END_SECONDS)
        self._launch.socket.unlink(missing_ok=True)

    async def _keep(self) -> None:
        """Start it again and again, until it cannot heal or is stopped."""
        delay = FIRST_DELAY_SECONDS
        while True:
            started = time.monotonic()
            why, final = await self._live_once()
            self._is_ready = False
            if time.monotonic() - started > WINDOW_SECONDS:
                delay = FIRST_DELAY_SECONDS
            self._note_crash(why, final)
            if final or (self._given_up and not self._was_ready):
                self._changed()
                return
            self.restarts += 1
            self._changed()
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_DELAY_SECONDS)

    async def _live_once(self) -> tuple[str, bool]:
        """From a start to its end: why it ended, and whether another start is vain."""
        self._launch.reason.unlink(missing_ok=True)
        self._ended_by = ""
        try:
            self.child = child = await self._launch.start()
        except TargetUnavailableError as error:
            return error.message, False
        self._changed()
        watch = asyncio.create_task(self._watch(child))
        try:
            code = await child.wait()
        finally:
            watch.cancel()
            [watched] = await asyncio.gather(watch, return_exceptions=True)
            if isinstance(watched, Exception):
                log.error("watching %s failed", self._launch.name, exc_info=watched)
        return self._ended_by or self._words(code), code in _FINAL

    async def _watch(self, child: "Child") -> None:
        if not await self._answers_in_time():
            self._ended_by = f"StartTimeout: no answer within {START_SECONDS:g} s"
            child.kill()
            return
        self._was_ready = True
        self._set_ready(True)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forgive())
            group.create_task(self._probe(self._launch.liveness, self._set_alive))
            group.create_task(self._probe(self._launch.readiness, self._note_answers))

    async def _answers_in_time(self) -> bool:
        began = time.monotonic()
        while (waited := time.monotonic() - began) < START_SECONDS:
            if await ping(self._launch.socket, PING_SECONDS):
                return True
            await asyncio.sleep(POLL_SECONDS if waited < 2 else POLL_LATER_SECONDS)
        return False

    async def _probe(self, probe: Probe, found: Callable[[bool], None]) -> None:
        """Ask as Kubernetes would; tell once per row of failures, and at each good answer after enough of them."""
        bad = good = 0
        await asyncio.sleep(probe.initial_delay)
        while True:
            if await ping(self._launch.socket, probe.timeout):
                bad, good = 0, good + 1
                if good >= probe.success_threshold:
                    found(True)
            else:
                bad, good = bad + 1, 0
                if bad == probe.failure_threshold:
                    found(False)
            await asyncio.sleep(probe.period)

    async def _forgive(self) -> None:
        """A process that stays up is well again, whatever was before."""
        await asyncio.sleep(STABLE_SECONDS)
        self._crashes.clear()
        if self._given_up:
            self._given_up = False
            self._set_ready(True)

    def _set_alive(self, alive: bool) -> None:
        if not alive and self.child is not None:
            self._ended_by = "Unresponsive: the liveness probe failed too often"
            self.child.kill()

    def _note_answers(self, good: bool) -> None:
        if good != self._is_ready:
            self._set_ready(good)

    def _set_ready(self, ready: bool) -> None:
        self._is_ready = ready
        if not self._given_up:
            self.reason = "" if ready else "Unready: the readiness probe fails"
        self._changed()

    def _note_crash(self, why: str, final: bool) -> None:
        now = time.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - WINDOW_SECONDS:
            self._crashes.popleft()
        self.reason = f"Restarting: {why}" if not self._given_up else self.reason
        if final:
            self._given_up, self.reason = True, why
        elif len(self._crashes) >= (CRASHES if self._was_ready else CRASHES_UNREADY):
            self._given_up, self.reason = True, f"CrashLoop: {why}"
        log.warning("%s ended: %s", self._launch.name, self.reason)

    def _words(self, code: int) -> str:
        """What the server wrote down, else its exit code."""
        try:
            said = json.loads(self._launch.reason.read_text(encoding="utf-8"))
            return f"{said['reason']}: {said['detail']}"
        except (FileNotFoundError, ValueError, KeyError):
            return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


async def ping(socket: Path, timeout_seconds: float) -> bool:
    """Whether a server answers `GET /ping` with 200 on the Unix socket."""
    if not os.path.exists(socket):  # noqa: PTH110  # asked every few ms
        return False
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(b"GET /ping HTTP/1.1\r\nhost: agent\r\nconnection: close\r\n\r\n")
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
