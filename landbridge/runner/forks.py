"""Starts processes that have everything imported already: a fork costs milliseconds where a start costs seconds.

Wraps the standard library's fork server, and mends what keeps `multiprocessing.Process` from being enough here: the
owner's `__main__` is not imported again in every child, the end of a child is awaited in the event loop, and all
children end with the owner, however it ends.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, reduction
from pathlib import Path
from typing import Any

import psutil
import stamina

from landbridge.domain.errors import TargetUnavailableError
from landbridge.runner.forked import Order

START_SECONDS = 120.0  # imports of cold files on a slow disk; 3-9 s when warm
SPAWN_SECONDS = 30.0
RENEW_SECONDS = 2.0
_FIRST = "landbridge.runner.forked"
_PROBE = "landbridge.runner.forked:probe"
_COMMAND = "landbridge.runner.forked:run_command"


class Child:
    """A forked process of ours."""

    def __init__(self, pid: int, status: int) -> None:
        self.pid = pid
        self.started_at = time.monotonic()
        self.code: int | None = None
        self._status = status
        self._process = _find(pid)
        self.create_time = self._process.create_time() if self._process else 0.0
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(status, self._read_code)

    async def wait(self) -> int:
        """The exit code once it has ended; negative = by that signal. Many may wait."""
        await asyncio.shield(self._ended)
        assert self.code is not None
        return self.code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and what it started in its process group: a server's workers, hung as well, would outlive it."""
        if self.code is None and self._process is not None and self._process.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self, grace_seconds: float = 5.0) -> int:
        """Ask it to end, kill it when it does not; returns the exit code."""
        self.terminate()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.wait(), grace_seconds)
        self.kill()
        return await self.wait()

    def _read_code(self) -> None:
        asyncio.get_running_loop().remove_reader(self._status)
        try:
            self.code = forkserver.read_signed(self._status)
        except EOFError:  # the fork server was killed, and its children by the kernel with it
            self.code = -signal.SIGKILL
        os.close(self._status)
        self._ended.set_result(None)

    def _signal(self, number: signal.Signals) -> None:
        if self.code is None and self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):  # psutil also knows a reused pid
                self._process.send_signal(number)


class Forks:
    """A fork server and its children. All methods belong to one event loop."""

    def __init__(self) -> None:
        self._server: Any = forkserver.ForkServer()
        self._preload: tuple[str, ...] = ()

    async def start(self, preload: Sequence[str]) -> None:
        """Import `preload` in the fork server; returns when it is done.

        Raises:
            TargetUnavailableError: a module cannot be imported, or left a thread behind; its trace is on stderr.
        """
        self._preload = (_FIRST, *preload)
        self._server.set_forkserver_preload(list(self._preload))
        with tempfile.NamedTemporaryFile("r") as log:
            order = Order(_PROBE, {"preload": self._preload}, log.name, "probe", 0)
            code = await (await self._spawn(order, START_SECONDS)).wait()
            why = (log.read().splitlines() or [f"exit code {code}"])[-1]
        if code:
            await self.stop()
            raise TargetUnavailableError(
                f"The fork server cannot be warmed with {', '.join(preload)}: {why}.",
                f"Mend the module, or take it out of what is imported ahead; `{sys.executable}` runs it.",
            )

    async def spawn(self, target: str, payload: Mapping[str, Any], log_path: Path | str, name: str) -> Child:
        """Start a child that calls `target` ("module:function") with `payload` and then ends.

        Its output is appended to `log_path`. It starts with the imports and the environment of the fork server, in a
        process group of its own, with signal handlers as at the start of Python.

        Raises:
            TargetUnavailableError: the fork server died. The next call starts it anew.
        """
        return await self._spawn(Order(target, payload, str(log_path), name, 0), SPAWN_SECONDS)

    async def command(
        self, command: Sequence[str], log_path: Path | str, name: str, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a program as a child, with all that this brings: it ends with us, its end is awaited."""
        payload = {"command": list(command), "environment": dict(environment or {})}
        return await self._spawn(Order(_COMMAND, payload, str(log_path), name, 0), SPAWN_SECONDS)

    async def stop(self) -> None:
        """End the fork server and with it whatever child is left."""
        await asyncio.to_thread(self._server._stop)

    async def _spawn(self, order: Order, wait_seconds: float) -> Child:
        status, data = await self._connect(order.name)
        try:
            pid = await asyncio.wait_for(_read_number(status), wait_seconds)
            order = Order(order.target, order.payload, order.log_path, order.name, self._server._forkserver_pid)
            with open(data, "wb", closefd=False) as pipe:
                reduction.dump(_preparation(order.name), pipe)
                reduction.dump(order, pipe)
        except (OSError, EOFError, TimeoutError) as error:
            os.close(status)
            raise _unavailable(order.name, error) from error
        finally:
            os.close(data)
        return Child(pid, status)

    async def _connect(self, name: str) -> tuple[int, int]:
        """The pipes of a new child. A server that was just killed refuses until it can be reaped; then it is started anew."""
        again = stamina.retry_context(on=ConnectionError, timeout=RENEW_SECONDS, wait_initial=0.01, wait_jitter=0.01)
        try:
            async for attempt in again:
                with attempt:
                    pipes: tuple[int, int] = self._server.connect_to_new_process([])
        except ConnectionError as error:
            raise _unavailable(name, error) from error
        return pipes


def _unavailable(name: str, error: Exception) -> TargetUnavailableError:
    return TargetUnavailableError(
        f"The fork server did not start {name!r}: {type(error).__name__}.", "Try again; see services/up.log."
    )


def _preparation(name: str) -> dict[str, Any]:
    """What the standard library would send, without the order to import our `__main__` again (0.2 s for some)."""
    return {
        "name": name,
        "sys_path": [entry or os.getcwd() for entry in sys.path],  # noqa: PTH109
        "sys_argv": [name],
        "dir": os.getcwd(),  # noqa: PTH109
        "start_method": "forkserver",
    }


async def _read_number(status: int) -> int:
    """The next number that the fork server writes, without blocking the loop until it comes."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(status, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(status)
    number: int = forkserver.read_signed(status)
    return number


def _find(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
