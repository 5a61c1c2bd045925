"""A cable between our processes and the broker, which can be pulled out and put back."""

import socket
import threading
from contextlib import ExitStack, suppress
from typing import Self

from tests.acceptance.silencer import pass_on
from tests.rabbitmq import HOST, PORT


class Cable(ExitStack):
    """Stands before the real broker.

    Args:
        url: The address of a vhost there.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._door = socket.create_server((HOST, 0))
        self._port = self._door.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.url = url.replace(f":{PORT}/", f":{self._port}/")
        self.callback(self.pull)
        threading.Thread(target=self._serve, args=(self._door,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

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
                outside = socket.create_connection((HOST, PORT))
                self._ends += [inside, outside]
                for pair in ((inside, outside), (outside, inside)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()
