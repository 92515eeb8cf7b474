"""What probes do to one model server: its readiness comes and goes by one of them, its life by the other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from landbridge.domain.scenario import Probe
from landbridge.domain.values import ColourPhase
from landbridge.drivers.local.agent_process import Launch, ServerProcess

OFTEN = Probe(period=0, initial_delay=0, timeout=5)
STRICT = Probe(period=0, initial_delay=0, timeout=1, failure_threshold=1)
LATE_SECONDS = 1.2  # longer than one probe waits, shorter than the other


async def test_a_server_that_is_alive_but_late_stays_unready(tmp_path: Path) -> None:
    """A good answer to the liveness probe does not undo what the readiness probe found."""
    answered = 0
    late = asyncio.Event()
    answers: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answers.add(asyncio.current_task())
        with suppress(ConnectionError):  # one probe is gone by then
            await reader.readuntil(b"\r\n\r\n")
            if late.is_set():
                await asyncio.sleep(LATE_SECONDS)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            answered += 1
        writer.close()

    path = tmp_path / "s"
    phases: list[ColourPhase] = []
    launch = Launch(None, "line blue", path, tmp_path / "reason", OFTEN, STRICT)  # type: ignore[arg-type]
    process = ServerProcess(launch, lambda: phases.append(process.phase))
    async with await asyncio.start_unix_server(answer, path):
        watch = asyncio.create_task(process._watch(None))  # type: ignore[arg-type]
        await until(lambda: answered > 3)
        late.set()
        await until(lambda: process.phase is ColourPhase.PENDING)
        before = answered
        await until(lambda: answered > before + 3)
        watch.cancel()
        await asyncio.gather(watch, *(task for task in answers if task), return_exceptions=True)
    assert phases == [ColourPhase.READY, ColourPhase.PENDING]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.01)
