"""The proxy that clients are told of by HTTPS_PROXY: it opens a way to the double, and to nothing else.

`CONNECT host:443` gets a tunnel to the double's own TLS server when the host is one of Azure's that the double plays.
Every other host is refused and written down: nothing leaves the machine, and the test fails.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 65536


class Front:
    """Listens on 127.0.0.1. `refused` lists what clients asked for in vain, as "host:port" or as a whole http:// address."""

    def __init__(self, is_known: Callable[[str], bool], tls_socket: Path) -> None:
        self._is_known, self._tls_socket = is_known, tls_socket
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self.refused: list[str] = []

    async def start(self) -> int:
        """Returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Closes what is open; a cancelled task would make asyncio 3.11 print a trace for each."""
        if self._server is not None:
            self._server.close()
        for writer in self._clients:
            writer.close()
        await asyncio.gather(*self._clients.values(), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[writer] = task
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            host, _, port = target.rpartition(":")
            if method == "CONNECT" and port == "443" and self._is_known(host):
                await self._tunnel(reader, writer)
            else:
                self.refused.append(target)
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return  # a client that went away, or that speaks something else
        finally:
            await _close(writer)
            del self._clients[writer]

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(self._tls_socket))
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            ways = [
                asyncio.ensure_future(_pump(reader, inner_writer)),
                asyncio.ensure_future(_pump(inner_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            await _close(inner_writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(HEAD_BYTES):
            writer.write(block)
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
