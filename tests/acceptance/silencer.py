"""A broker that serves its first connection, and accepts all others without an answer."""

import socket
import threading
from contextlib import ExitStack, suppress
from typing import Self

from tests.rabbitmq import HOST, PORT

CHUNK = 65_536


class Silencer(ExitStack):
    """A proxy before the real broker.

    Args:
        url: The address of a vhost on that broker.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._door = self.enter_context(socket.create_server((HOST, 0)))
        self.callback(self._door.shutdown, socket.SHUT_RDWR)
        self.url = url.replace(f":{PORT}/", f":{self._door.getsockname()[1]}/")
        self.accepted = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def _serve(self) -> None:
        inside = self._accept()
        outside = self.enter_context(socket.create_connection((HOST, PORT)))
        for pair in ((inside, outside), (outside, inside)):
            threading.Thread(target=pass_on, args=pair, daemon=True).start()
        with suppress(OSError):
            while True:
                self._accept()

    def _accept(self) -> socket.socket:
        found, _ = self._door.accept()
        self.accepted += 1
        return self.enter_context(found)


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass on what one side sends, until it sends nothing any more."""
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
