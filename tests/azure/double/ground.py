"""What all doubles of a test session share: an event loop in a thread, the authority, and a fork server for model servers."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from landbridge.runner.forks import Forks
from tests.azure.double.ca import Authority

T = TypeVar("T")
WITH_MLFLOW = ("landbridge.runner.warm",)
CALL_SECONDS = 60.0


class Ground:
    """Started once, closed at the end. `call` runs a coroutine in the loop from any other thread."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="azure-"))
        self.authority = Authority(self.folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="azure double", daemon=True)
        self._thread.start()
        self._forks: dict[tuple[str, ...], asyncio.Task[Forks]] = {}

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    async def forks(self, is_mlflow: bool) -> Forks:
        """A fork server, with MLflow imported on demand; the first call takes the seconds that this costs."""
        preload = WITH_MLFLOW if is_mlflow else ()
        if preload not in self._forks:
            self._forks[preload] = asyncio.create_task(_start(preload))
        return await self._forks[preload]

    def close(self) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _stop(self) -> None:
        for forks in self._forks.values():
            await (await forks).stop()
        await self._loop.shutdown_default_executor()


async def _start(preload: tuple[str, ...]) -> Forks:
    forks = Forks()
    await forks.start(preload)
    return forks
