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


@contextmanager
def fresh_vhost() -> Iterator[str]:
    """The address of a new vhost, which is deleted afterwards."""
    need_rabbitmq()
    name = f"test-{secrets.token_hex(6)}"
    control("add_vhost", name)
    try:
        control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield f"amqp://guest:guest@{HOST}:{PORT}/{name}"
    finally:
        control("delete_vhost", name)
