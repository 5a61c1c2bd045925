"""A proxy between several machines and one server: the link of each can be cut, and healed.

A machine is the process group of a client. While its link is cut nothing passes and neither side is
told, as if a switch had failed: sent data wait, and new connections are never answered.
"""

import os
import socket
import threading
from collections import defaultdict
from contextlib import ExitStack, suppress
from typing import Self

import psutil

from tests.rabbitmq import HOST

CHUNK = 65_536


class Wire(ExitStack):
    """A proxy before a server of this machine.

    Args:
        port: The server's port.

    Attributes:
        port: The port to connect to instead.
        delay_s: How long each piece is under way to and from every machine, in seconds.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self._server = (HOST, port)
        self._door = self.enter_context(socket.create_server((HOST, 0)))
        self.callback(self._door.shutdown, socket.SHUT_RDWR)
        self.port = int(self._door.getsockname()[1])
        self.delay_s = 0.0
        self._ways: dict[int, threading.Event] = defaultdict(whole)
        self._ending = threading.Event()
        self.callback(self._end)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def cut(self, machine: int) -> None:
        """Let nothing pass to or from a machine."""
        self._ways[machine].clear()

    def heal(self, machine: int) -> None:
        """Let waiting and further data pass again."""
        self._ways[machine].set()

    def _end(self) -> None:
        for way in self._ways.values():
            way.set()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                inside, (_, port) = self._door.accept()
                self.enter_context(inside)
                threading.Thread(target=self._connect, args=(inside, port), daemon=True).start()

    def _connect(self, inside: socket.socket, port: int) -> None:
        way = self._ways[group_at(port, self.port)]
        way.wait()
        with suppress(OSError):
            outside = self.enter_context(socket.create_connection(self._server))
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._pass, args=(*pair, way), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, way: threading.Event) -> None:
        """Pass on what one side sends while the link is whole, until it sends nothing any more."""
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._ending.wait(self.delay_s)
                way.wait()
                target.sendall(data)
            way.wait()
            target.shutdown(socket.SHUT_WR)


def whole() -> threading.Event:
    """A link that is not cut."""
    event = threading.Event()
    event.set()
    return event


def group_at(port: int, to: int) -> int:
    """The process group of the client at a port connected to another; 0: there is none any more."""
    for each in psutil.net_connections(kind="tcp"):
        if each.pid is not None and (*each.laddr[1:], *each.raddr[1:]) == (port, to):
            with suppress(ProcessLookupError):
                return os.getpgid(each.pid)
    return 0
