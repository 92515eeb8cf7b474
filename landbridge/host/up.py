"""`landbridge up`: one process per home that starts the services, runs the local serving agents and hosts flow runs.

The order of the start is a graph, not a list: services, fork server and agents start side by side; only what needs
another waits for it. The end is a list, from what is used last to what is used by all.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from landbridge import settings
from landbridge.client import JsonObject, encode_error
from landbridge.domain.errors import LandbridgeError, TargetUnavailableError
from landbridge.host.plant import Plant, take_ports
from landbridge.host.processes import end_leftovers, identity, memory_bytes
from landbridge.lock import take_lock
from landbridge.record import DOWN, FAILED, STARTING, STOPPING, UP, read_record, write_record

if TYPE_CHECKING:
    from landbridge.host.flow_host import FlowHost

_PUBLISH_SECONDS = 0.1  # somebody waits and watches
_PUBLISH_UP_SECONDS = 1.0
_INHERITED = ("prefect", "registries", "processes")  # of the former host: its addresses, and what it may have left

log = logging.getLogger("landbridge.host")


def main(home: str, inventory_path: str) -> int:
    """Serve `home` until SIGTERM, SIGINT or `landbridge down`; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with take_lock(home):
            return _serve(Path(home).absolute(), str(Path(inventory_path).absolute()))
    except LandbridgeError as error:
        log.error("%s", error)
        return error.exit_code


def main_in_background(home: str, inventory_path: str) -> NoReturn:
    """`main`, and gone at once: the interpreter's farewell to a thousand modules takes 0.6 s, in which nobody is up."""
    code = main(home, inventory_path)
    logging.shutdown()
    os._exit(code)


def _serve(home: Path, inventory_path: str) -> int:
    former = read_record(home)
    host = Host(home, inventory_path, former)
    host.publish()  # first: until then the record is that of a host that was killed
    end_leftovers(former)
    try:
        plant = Plant(home, take_ports(home, inventory_path, former))
        asyncio.run(host.run(plant))
    except LandbridgeError as error:
        host.failed(error)
        raise
    except Exception as error:
        host.failed(TargetUnavailableError(f"{type(error).__name__}: {error}", "Read services/up.log and report it."))
        raise
    host.state = DOWN
    host.publish()
    return 0


class Host:
    """The state of one `landbridge up`, and what the control API may ask of it."""

    def __init__(self, home: Path, inventory_path: str, former: JsonObject) -> None:
        self.home, self.inventory_path = home, inventory_path
        self.state = STARTING
        self._plant: Plant | None = None
        self._error: LandbridgeError | None = None
        self._published: JsonObject = {}
        self._inherited: JsonObject = {key: former[key] for key in _INHERITED if key in former}
        self._cancel_jobs = False
        self._started_at = time.time()
        self._identity = identity(os.getpid())

    async def run(self, plant: Plant) -> None:
        """Start, serve, stop. Whatever happens, nothing that was started is left."""
        self._plant = plant
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.request_stop)
        publisher = asyncio.create_task(self._publish_forever())
        try:
            await self._start_and_wait(plant)
        finally:
            self.state = STOPPING
            self.publish()
            await plant.stop(self._cancel_jobs)
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)

    async def _start_and_wait(self, plant: Plant) -> None:
        stop = asyncio.create_task(self._stop.wait())
        start = asyncio.create_task(plant.start(self))
        try:
            await asyncio.wait({stop, start}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                self.state = UP
                self.publish()
                log.info("landbridge is up for %s after %.1f s", self.home, time.time() - self._started_at)
                await stop
        finally:
            for task in (start, stop):
                task.cancel()
            await asyncio.gather(start, stop, return_exceptions=True)

    def request_stop(self, cancel_jobs: bool = False) -> None:
        self._cancel_jobs = cancel_jobs
        self._stop.set()

    def flow_host(self) -> "FlowHost":
        """Raises TargetUnavailableError while it is not ready."""
        found = self._plant.flow_host if self._plant and self.state == UP else None
        if found is None:
            raise TargetUnavailableError(f"landbridge is {self.state}.", "Try again in a few seconds.")
        return found

    def health(self) -> JsonObject:
        """What runs, where, and how it does."""
        live = self._plant.describe() if self._plant else {}
        return self.record() | {"memory_bytes": memory_bytes(os.getpid())} | live

    def record(self) -> JsonObject:
        """What services.json says."""
        return {
            "state": self.state,
            **self._identity,
            "started_at": self._started_at,
            "home": str(self.home),
            "inventory": self.inventory_path,
            "control": str(settings.control_socket(self.home)),
            "error": encode_error(self._error) if self._error else None,
            **(self._plant.record() if self._plant else self._inherited),
        }

    def failed(self, error: LandbridgeError) -> None:
        self.state, self._error = FAILED, error
        self.publish()

    def publish(self) -> None:
        record = self.record()
        if record != self._published:
            write_record(self.home, record)
            self._published = record

    async def _publish_forever(self) -> None:
        while True:
            self.publish()
            await asyncio.sleep(_PUBLISH_SECONDS if self.state == STARTING else _PUBLISH_UP_SECONDS)
