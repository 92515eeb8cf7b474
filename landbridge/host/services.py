"""One web service as a child process: started, watched, restarted with back-off, ended."""

import asyncio
import logging
import os
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.errors import TargetUnavailableError
from landbridge.domain.values import Json
from landbridge.host.processes import identity

START_SECONDS = 90.0  # a first start migrates a database: 12 s on an idle 2-core machine, more on a busy one
_STOP_SECONDS = 8.0
_BACK_OFF_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)
_STEADY_SECONDS = 60.0  # lived so long: the next crash counts as the first again
_FIRST_TRIES = 3

log = logging.getLogger("landbridge.host")


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service, its socket and the URL of that.

    Attributes:
        kind: a key of `landbridge.host.web.APPS`.
        health: path that answers 200 once it serves.
        environment: added to the host's own.
        log: its standard output and error are appended here.
    """

    name: str
    kind: str
    listener: socket.socket
    url: str
    health: str
    environment: Mapping[str, str]
    log: Path


class Service:
    """Keeps one `ServiceSpec` running until `stop`."""

    def __init__(self, spec: ServiceSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self._state = "starting"
        self._reason = ""
        self._ready_seconds: float | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it answers.

        Raises:
            TargetUnavailableError: it ended or stayed silent, `_FIRST_TRIES` times.
        """
        for attempt in range(_FIRST_TRIES):
            await self._launch()
            if await self._becomes_ready():
                self._watch = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
                return
            await self._end()
            log.warning("%s did not start (attempt %d): %s", self.spec.name, attempt + 1, self._reason)
        raise TargetUnavailableError(
            f"Service {self.spec.name} does not start: {self._reason}.", f"Read {self.spec.log}."
        )

    async def stop(self) -> None:
        """End it; silent when it has ended."""
        self._state = "stopping"
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._end()
        self._state = "stopped"

    def describe(self) -> dict[str, Json]:
        """As it is now; asks nobody, so it may be asked often."""
        pid = self._process.pid if self._process and self._process.returncode is None else None
        return {
            "name": self.spec.name,
            "state": self._state,
            "url": self.spec.url,
            "pid": pid,
            "restarts": self.restarts,
            "reason": self._reason,
            "ready_seconds": self._ready_seconds,
            "log": str(self.spec.log),
        }

    def process(self) -> dict[str, Json] | None:
        """How a later host finds this process again; None when there is none."""
        if self._process is None or self._process.returncode is not None:
            return None
        return {"name": self.spec.name} | self._identity

    async def _launch(self) -> None:
        """Must be called in the main thread: the kernel ends the child when the thread that started it ends."""
        self._state, self._began = "starting", time.monotonic()
        fd = self.spec.listener.fileno()
        command = [sys.executable, "-m", "landbridge.host.web", self.spec.kind, str(fd), str(os.getpid())]
        with self.spec.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | dict(self.spec.environment),
                pass_fds=[fd],
                start_new_session=True,  # Ctrl-C in the terminal is for the host, which ends its services in order
            )
        self._identity = identity(self._process.pid)

    async def _becomes_ready(self) -> bool:
        """One request is enough: it waits in the socket's queue until the service takes it."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        answer = asyncio.create_task(_answers(self.spec.url + self.spec.health))
        await asyncio.wait({ended, answer}, return_when=asyncio.FIRST_COMPLETED)
        for task in (ended, answer):
            task.cancel()
        await asyncio.gather(ended, answer, return_exceptions=True)
        if self._process.returncode is not None:
            self._reason = f"exit code {self._process.returncode}"
            return False
        if answer.cancelled() or not answer.result():
            self._reason = f"no answer within {START_SECONDS:.0f} s"
            return False
        self._state, self._reason = "ready", ""
        self._ready_seconds = round(time.monotonic() - self._began, 2)
        return True

    async def _keep(self) -> None:
        crashes = 0
        while True:
            assert self._process is not None
            code = await self._process.wait()
            crashes = crashes + 1 if time.monotonic() - self._began < _STEADY_SECONDS else 1
            pause = _BACK_OFF_SECONDS[min(crashes, len(_BACK_OFF_SECONDS)) - 1]
            self.restarts += 1
            self._state, self._reason = "restarting", f"ended with exit code {code}"
            log.error("%s ended with exit code %s; restarting in %s s", self.spec.name, code, pause)
            await asyncio.sleep(pause)
            await self._launch()
            if not await self._becomes_ready():
                await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(url: str) -> bool:
    import httpx

    try:
        async with httpx.AsyncClient(timeout=START_SECONDS, trust_env=False) as http:
            return (await http.get(url)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
