"""A cable between our processes and a server, which can be pulled out and put back."""

import socket
import threading
from contextlib import ExitStack, suppress
from typing import Self

from tests.acceptance.silencer import pass_on
from tests.rabbitmq import HOST, PORT


class Cable(ExitStack):
    """A proxy before the real broker, or another server.

    Args:
        url: The address of a vhost or a database on that server.
        port: The server's default port.
    """

    def __init__(self, url: str, port: int = PORT) -> None:
        super().__init__()
        self._server = (HOST, port)
        self._here = (HOST, 0)
        self._ends: list[socket.socket] = []
        self.plug()
        self.url = url.replace(f":{port}/", f":{self._here[1]}/")
        self.callback(self.pull)

    def __enter__(self) -> Self:
        return self

    def plug(self) -> None:
        """Let connections through, at the same port as before."""
        self._door = socket.create_server(self._here)
        self._here = self._door.getsockname()
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def pull(self) -> None:
        """End every connection, and refuse new ones."""
        for each in (self._door, *self._ends):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                inside, _ = door.accept()
                outside = socket.create_connection(self._server)
                self._ends += [inside, outside]
                for pair in ((inside, outside), (outside, inside)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()
