"""A connection that sends messages to the orchestrator under measurement, and hears its answers."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pika

from benchmarks.servers import PATIENCE_S
from orchestration.bus import topology

EXCHANGE = "amc_trader_exchange"
QUEUE = "orchestration_queue"
ME = "bench"
MOST_WAITING = 2_000
LOOK_EVERY = 500

Message = dict[str, Any]


def envelope(kind: str, sender: str, number: int, payload: Message) -> bytes:
    """A message for the orchestrator."""
    return json.dumps(
        {
            "id": f"{sender}-{kind}-{number}",
            "message_type": kind,
            "sender": sender,
            "recipient": "orchestration_agent",
            "payload": payload,
            "timestamp": "2025-09-12T12:00:00Z",
            "correlation_id": None,
            "priority": 2,
            "reply_to": None,
            "routing_key": f"{kind}.orchestration",
        }
    ).encode()


def beat(agent: int, number: int) -> bytes:
    """A heartbeat as in the setup guide."""
    metrics = {"cpu_usage": 0.15, "memory_usage": 0.25, "messages_processed": number}
    return envelope(
        "heartbeat", f"agent_{agent:04d}", number, {"status": "running", "metrics": metrics}
    )


def order(command: str, number: int) -> bytes:
    """A command."""
    return envelope("command", ME, number, {"command_type": command, "parameters": {}})


class Line:
    """One connection that sends messages, and receives those for `bench`."""

    def __init__(self, url: str, heard: Callable[[Message], None] = lambda _: None) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._heard = heard
        topology.declare(self._channel)
        queue = str(self._channel.queue_declare("", exclusive=True).method.queue)
        for kind in ("response", "status", "error"):
            self._channel.queue_bind(queue, EXCHANGE, f"{kind}.{ME}")
        self._channel.basic_consume(queue, self._receive, auto_ack=True)

    def say(self, bodies: Sequence[bytes], key: str) -> None:
        """Publish, no faster than messages are consumed: a full queue would drop its head."""
        for number, body in enumerate(bodies):
            if number % LOOK_EVERY == 0:
                self._wait_for_room()
            self._channel.basic_publish(EXCHANGE, key, body)

    def hear(self, seconds: float) -> None:
        """Receive messages for some seconds."""
        self._connection.process_data_events(time_limit=seconds)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Receive messages until a condition holds.

        Raises:
            TimeoutError: It does not hold in time.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("what was said was not answered in time")
            self.hear(0.02)

    def listeners(self) -> int:
        """How many consumers the orchestrator's queue has."""
        return int(self._channel.queue_declare(QUEUE, passive=True).method.consumer_count)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _wait_for_room(self) -> None:
        self.wait(lambda: self._waiting() < MOST_WAITING)

    def _waiting(self) -> int:
        return int(self._channel.queue_declare(QUEUE, passive=True).method.message_count)

    def _receive(self, _channel: Any, _method: Any, _properties: Any, body: bytes) -> None:
        self._heard(json.loads(body))


@contextmanager
def line_to(url: str, heard: Callable[[Message], None] = lambda _: None) -> Iterator[Line]:
    """A connection that is closed after the block."""
    line = Line(url, heard)
    try:
        yield line
    finally:
        line.close()
