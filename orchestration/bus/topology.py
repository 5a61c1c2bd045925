"""The exchange, its queues and bindings: exactly as agents expect them."""

from typing import Any

from pika.adapters.blocking_connection import BlockingChannel

from orchestration import messages
from orchestration.messages import EXCHANGE, ORCHESTRATORS, STOP_KEY

QUEUE = messages.QUEUE
INBOX = "orchestration_inbox"
STORE_QUEUE = "orchestration_store"
CONTROL = "orchestration_control"
DEAD_EXCHANGE = "orchestration_dead"
DEAD_QUEUE = "orchestration_dead_letters"
QUEUE_ARGUMENTS: dict[str, Any] = {
    "x-message-ttl": 300_000,
    "x-max-length": 10_000,
    "x-overflow": "drop-head",
}
FLEETING: dict[str, Any] = {"x-expires": 60_000}
AGENT_KEYS = ("command", "data", "status", "response", "error")
BINDINGS = (
    "orchestration.*",
    "command.*",
    "response.*",
    "status.*",
    "status_update.*",
    "heartbeat.*",
    "error.*",
    "data.*",
)
INBOX_BINDINGS = (
    "orchestration.*",
    *(f"command.{name}" for name in sorted(ORCHESTRATORS)),
)
CONTROL_BINDINGS = (STOP_KEY,)
CONSUMED = (CONTROL, QUEUE, INBOX, DEAD_QUEUE)


def declare(channel: BlockingChannel) -> None:
    """Declare everything that the orchestrator consumes from.

    `orchestration_queue` drops the oldest messages beyond 10,000, and all after 5 minutes, so
    commands also come by a queue that drops none; the copies are known by their ids. An emergency
    stop and its acknowledgements have a queue of their own, which no other message fills. Messages
    that the first queue drops are dead-lettered if the server's policy says so, and consumed, too.
    """
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True, arguments=QUEUE_ARGUMENTS)
    channel.queue_declare(INBOX, durable=True)
    channel.queue_declare(CONTROL, durable=True)
    bindings = ((QUEUE, BINDINGS), (INBOX, INBOX_BINDINGS), (CONTROL, CONTROL_BINDINGS))
    for queue, keys in bindings:
        for key in keys:
            channel.queue_bind(queue, EXCHANGE, key)
    channel.exchange_declare(DEAD_EXCHANGE, "fanout", durable=True)
    channel.queue_declare(DEAD_QUEUE, durable=True)
    channel.queue_bind(DEAD_QUEUE, DEAD_EXCHANGE)


def queue_of(agent: str) -> str:
    """The name of an agent's own queue."""
    return f"agent.{agent}"


def keys_of(agent: str) -> tuple[str, ...]:
    """The keys of all messages for an agent."""
    return tuple(f"{kind}.{agent}" for kind in AGENT_KEYS)


def has_copy(routing_key: str) -> bool:
    """Whether a message on this key also went to the queue that drops none."""
    return routing_key in INBOX_BINDINGS or routing_key.partition(".")[0] == "orchestration"
