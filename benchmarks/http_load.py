"""An open-loop load with next to no cost of its own: raw asyncio on kept connections, in a process of its own.

    python benchmarks/http_load.py ADDRESS PATH RATE SECONDS OUT     ADDRESS = host:port or a socket's path

Sends BODY (from stdin; none = GET) RATE times a second, whether answers come or not, until its stdin closes or SECONDS
are over. OUT gets one JSON array per request: [sent, done, status, colour], times of the machine's monotonic clock in s.
Status 0 = no answer.
"""

import asyncio
import gc
import json
import sys
import time

COLOUR_HEADER = b"azureml-model-deployment"
CONNECT = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Load:
    def __init__(self, address: str, path: str, body: bytes) -> None:
        self._address = address
        verb = b"POST" if body else b"GET"
        head = verb + b" " + path.encode() + b" HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\n"
        self._request = head + b"content-length: %d\r\n\r\n" % len(body) + body
        self._idle: list[CONNECT] = []
        self.records: list[tuple[float, float, int, str]] = []

    async def one(self, due: float) -> None:
        """One request; late sending counts as waiting."""
        status, colour = 0, ""
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            status, colour, keep = await self._ask(connection)
            if keep:
                self._idle.append(connection)
            else:
                connection[1].close()
        except (OSError, asyncio.IncompleteReadError, ValueError):
            status = 0
        self.records.append((due, time.monotonic(), status, colour))

    async def run(self, rate: float, seconds: float, stop: asyncio.Event) -> None:
        began, number = time.monotonic(), 0
        tasks: set[asyncio.Task[None]] = set()
        while not stop.is_set() and number / rate < seconds:
            due = began + number / rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self.one(due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        if tasks:
            await asyncio.wait(tasks, timeout=30)

    async def _connect(self) -> CONNECT:
        if self._address.startswith("/"):
            return await asyncio.open_unix_connection(self._address)
        host, port = self._address.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port))

    async def _ask(self, connection: CONNECT) -> tuple[int, str, bool]:
        reader, writer = connection
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head[1:] if b": " in line)
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        colour = fields.get(COLOUR_HEADER, b"").decode()
        return int(head[0].split()[1]), colour, fields.get(b"connection") != b"close"


async def main(address: str, path: str, rate: float, seconds: float) -> Load:
    body = sys.stdin.readline().strip().encode()
    load = Load(address, path, body)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    gc.freeze()
    await load.run(rate, seconds, stop)
    loop.remove_reader(sys.stdin.fileno())
    return load


if __name__ == "__main__":
    found = asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
    with open(sys.argv[5], "w") as out:
        for record in found.records:
            out.write(json.dumps(record) + "\n")
