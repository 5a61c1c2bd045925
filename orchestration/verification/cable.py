"""A cable to the broker that can be cut: a port of this machine that leads there."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65_536


class Cable:
    """Passes bytes on, both ways, until it is cut; a new connection gets through again.

    Args:
        host: The host at the far end.
        port: The port at the far end.

    Attributes:
        here: The port of this machine to connect to.
    """

    here: int

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.here = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def cut(self) -> int:
        """Cut every connection, as a broken network would, and return their number."""
        ends, self._ends = self._ends, set()
        for end in ends:
            end.transport.abort()
        return len(ends) // 2

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        self._ends.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        self._ends.add(far_writer)
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))
        self._ends -= {writer, far_writer}


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on bytes until the reader is at its end."""
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
