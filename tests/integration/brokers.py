"""One queue on a hardened broker: a message, its consumer, and a connection that is cut."""

import socket
from typing import Any

import dramatiq
import pytest
from dramatiq import Message

from orchestration.runtime.broker import HardRabbitmqBroker
from tests.eventually import eventually

QUEUE = "anvil"
VHOSTS = {"classic": "classic_vhost", "quorum": "quorum_vhost"}
ON_RABBITMQ = [pytest.param(kind, marks=pytest.mark.rabbitmq) for kind in VHOSTS]


def good(number: int) -> "Message[None]":
    return Message(queue_name=QUEUE, actor_name=QUEUE, args=(number,), kwargs={}, options={})


def take(consumer: dramatiq.Consumer) -> Any:
    return eventually(lambda: next(consumer), within=5)


def cut(broker: HardRabbitmqBroker) -> None:
    """Lose the connection that consumes, as by a failing network."""
    connection = broker.shared_connection().connection
    stream = connection._impl._transport._sock  # noqa: SLF001 - nothing of ours reaches it
    stream.shutdown(socket.SHUT_RDWR)
    eventually(lambda: not connection.is_open, within=10)
