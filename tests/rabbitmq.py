"""A RabbitMQ vhost of its own for a test, on the server of this machine.

`RABBITMQ_PORT` and `RABBITMQ_QUEUE_TYPE` choose the server and the type of queues, as in our
settings.
"""

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

HOST, PORT = "127.0.0.1", int(os.environ.get("RABBITMQ_PORT", "5672"))
QUEUE_TYPE = os.environ.get("RABBITMQ_QUEUE_TYPE", "classic")
ARGUMENTS = {} if QUEUE_TYPE == "classic" else {"x-queue-type": QUEUE_TYPE}
MISSING = "no RabbitMQ on this machine: everything that needs it was left out"


def is_there() -> bool:
    """Whether a server listens here, and can be told to make vhosts."""
    if shutil.which("rabbitmqctl") is None:
        return False
    try:
        socket.create_connection((HOST, PORT), timeout=2).close()
    except OSError:
        return False
    return True


def need_rabbitmq() -> None:
    """Skip the test loudly if there is no server; if CI=true, fail it."""
    if is_there():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def control(*words: str) -> str:
    """Run a `rabbitmqctl` command, and return its output."""
    command = ["rabbitmqctl", "-q", *words]
    return subprocess.run(command, check=True, capture_output=True, timeout=30, text=True).stdout


class Vhosts:
    """Vhosts that were made ahead: a command of the server takes longer than most tests."""

    AHEAD = 8

    def __init__(self) -> None:
        self._free: list[str] = []
        self._used: list[str] = []

    def take(self) -> str:
        """A vhost that nobody has used."""
        if not self._free:
            self._free = [f"test-{secrets.token_hex(6)}" for _ in range(self.AHEAD)]
            self._tell(self._free)
        return self._free.pop()

    def give_back(self, name: str) -> None:
        """Let a vhost be deleted with the next command."""
        self._used.append(name)

    def close(self) -> None:
        """Delete every vhost."""
        self._used += self._free
        self._free = []
        if self._used:
            self._tell([])

    def _tell(self, new: list[str]) -> None:
        """Make vhosts, and delete the used ones, in one command."""
        permit = 'rabbit_auth_backend_internal:set_permissions(<<"guest">>, V, A, A, A, Me)'
        control(
            "eval",
            f'Me = <<"tests">>, A = <<".*">>,'
            f" [begin rabbit_vhost:add(V, Me), {permit} end || V <- {erlang(new)}],"
            f" [catch rabbit_vhost:delete(V, Me) || V <- {erlang(self._used)}], ok.",
        )
        self._used = []


def erlang(names: list[str]) -> str:
    """A list of binaries in the server's language."""
    return "[" + ", ".join(f'<<"{name}">>' for name in names) + "]"


VHOSTS = Vhosts()


@contextmanager
def fresh_vhost() -> Iterator[str]:
    """The address of a new vhost, which is deleted afterwards."""
    need_rabbitmq()
    name = VHOSTS.take()
    try:
        yield f"amqp://guest:guest@{HOST}:{PORT}/{name}"
    finally:
        VHOSTS.give_back(name)


def lose_vhost(url: str) -> None:
    """Delete a vhost now, under those who are connected."""
    control("delete_vhost", url.rpartition("/")[2])
