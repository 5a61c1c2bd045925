"""A program that follows only the setup guide: pika, an exchange, a queue of its own."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pika

EXCHANGE = "amc_trader_exchange"
KINDS = ("command", "data", "status", "response", "error")
KEYS = {"status_update": "status"}

Message = dict[str, Any]


class Peer:
    """An agent in plain pika.

    Attributes:
        heard: Every message for it so far, in order of arrival.
    """

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.heard: list[Message] = []
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.channel.exchange_declare(EXCHANGE, "topic", durable=True)
        self.queue = queue = f"peer.{name}"
        self.channel.queue_declare(queue, durable=True)
        for kind in KINDS:
            self.channel.queue_bind(queue, EXCHANGE, f"{kind}.{name}")
        self.channel.basic_consume(queue, self._receive, auto_ack=True)

    def say(self, kind: str, payload: Message, **fields: Any) -> str:
        """Send an envelope to the orchestrator, and return its id."""
        envelope = {
            "id": str(uuid.uuid4()),
            "message_type": kind,
            "sender": self.name,
            "recipient": "orchestration_agent",
            "payload": payload,
            "timestamp": "2025-09-12T12:00:00Z",
            "priority": 3,
            **fields,
        }
        key = f"{KEYS.get(kind, kind)}.orchestration"
        self.publish(json.dumps(envelope).encode(), key)
        return str(envelope["id"])

    def publish(self, body: bytes, key: str) -> None:
        properties = pika.BasicProperties(delivery_mode=2)
        self.channel.basic_publish(EXCHANGE, key, body, properties)

    def order(self, command: str, parameters: Message, **fields: Any) -> str:
        """Send a command, and return its id."""
        payload = {"command_type": command, "parameters": parameters}
        return self.say("command", payload, **fields)

    def wait(self, fits: Callable[[Message], object], within: float = 20) -> Message:
        """The first message, received already or later, that fits."""
        deadline = time.monotonic() + within
        seen = 0
        while True:
            for message in self.heard[seen:]:
                if fits(message):
                    return message
            seen = len(self.heard)
            left = deadline - time.monotonic()
            assert left > 0, f"not within {within} s; heard {self.heard}"
            self.connection.process_data_events(time_limit=min(left, 0.1))

    def listen(self, seconds: float) -> None:
        """Receive messages for some seconds, to see that none comes."""
        self.connection.process_data_events(time_limit=seconds)

    def answers_to(self, message_id: str, kind: str = "response") -> list[Message]:
        return [
            m for m in self.heard if m["message_type"] == kind and m["correlation_id"] == message_id
        ]

    def run_of(self, message_id: str) -> str:
        """The id of the run that a command has started."""
        fits = self.acknowledges(message_id)
        return str(self.wait(fits)["payload"]["workflow_id"])

    def acknowledges(self, message_id: str) -> Callable[[Message], object]:
        return lambda m: m["correlation_id"] == message_id and "command_received" in m["payload"]

    def final(self, message_id: str, within: float = 20) -> Message:
        """The final answer to a command."""
        found = self.wait(
            lambda m: (
                m["message_type"] == "response"
                and m["correlation_id"] == message_id
                and "error_messages" in m["payload"]
            ),
            within,
        )
        return dict(found["payload"])

    def commanded(self, command: str, within: float = 20) -> Message:
        """A command that this agent is sent."""
        return self.wait(
            lambda m: m["message_type"] == "command" and m["payload"]["command"] == command, within
        )

    def close(self) -> None:
        self.channel.queue_delete(self.queue)
        self.connection.close()

    def _receive(self, _channel: Any, _method: Any, _properties: Any, body: bytes) -> None:
        self.heard.append(json.loads(body))
