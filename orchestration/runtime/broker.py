"""Dramatiq's brokers, hardened: what a message may look like, and how it is settled once.

A message is a hint that a row in the store may be claimed. So a malformed message is rejected, a
second settlement of a message is dropped, a message from a lost connection is not acknowledged on
the next one, and Dramatiq never delays or retries a message: it is sent again from its row.
"""

import logging
import threading
from functools import partial
from typing import Any

import dramatiq
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer
from dramatiq.brokers.stub import StubBroker, _StubConsumer
from dramatiq.common import q_name
from dramatiq.errors import ConnectionClosed
from dramatiq.logging import get_logger
from dramatiq.middleware import Middleware
from pika.exceptions import AMQPError
from typing_extensions import override

from orchestration.bus.address import Address
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.errors import OtherStoreError
from orchestration.runtime.names import TICKED
from orchestration.runtime.shared_connection import SharedConnection

log = logging.getLogger(__name__)

TICK_TTL_MS = 10_000
MOST_TICKS = 100
NOT_FOUND = 404
QUORUM = {"x-queue-type": "quorum"}
SHAPES: dict[str, type | tuple[type, ...]] = {
    "queue_name": str,
    "actor_name": str,
    "args": (list, tuple),
    "kwargs": dict,
    "options": dict,
    "message_id": str,
}


def malformed(message: MessageProxy, queue: str) -> list[str]:
    """The fields of a message that would break a worker; none in our own messages."""
    wrong = [
        name for name, shape in SHAPES.items() if not isinstance(getattr(message, name), shape)
    ]
    if not wrong and message.queue_name != queue:
        wrong.append("queue_name")
    if not wrong and message.options:
        wrong.append("options")
    return wrong


class _SettledOnce(Consumer):
    """A consumer whose messages are settled by the consumer that delivered them, and once."""

    queue_name: str

    @override
    def __next__(self) -> MessageProxy | None:
        message: MessageProxy | None = super().__next__()
        if message is None:
            return None
        vars(message)["delivered_by"] = self
        if wrong := malformed(message, self.queue_name):
            log.error("rejected a malformed message on %s: %s", self.queue_name, ", ".join(wrong))
            self.nack(message)
            return None
        return message

    @override
    def ack(self, message: MessageProxy) -> None:
        if self._first_settlement(message):
            super().ack(message)

    @override
    def nack(self, message: MessageProxy) -> None:
        if self._first_settlement(message):
            super().nack(message)

    def give_back(self, message: MessageProxy) -> None:
        """Let the broker deliver a message again."""
        if self._first_settlement(message):
            self._requeue(message)

    def _requeue(self, message: MessageProxy) -> None:
        raise NotImplementedError

    def _first_settlement(self, message: MessageProxy) -> bool:
        state = vars(message)
        first = state.get("delivered_by") is self and not state.get("settled")
        state["settled"] = True
        return first


class _HardRabbitmqConsumer(_SettledOnce, _RabbitmqConsumer):
    """Consumes one queue over the connection that all consumers of this process share."""

    def __init__(
        self, broker: "HardRabbitmqBroker", queue_name: str, prefetch: int, timeout: int
    ) -> None:
        self.broker, self.queue_name = broker, queue_name
        self.logger = get_logger(__name__, type(self))  # type: ignore[no-untyped-call]
        self.known_tags: set[int] = set()
        try:
            self._shared = broker.shared_connection()
            self._feed = self._shared.open(queue_name, prefetch, timeout / 1000)
        except (AMQPError, OtherStoreError, TimeoutError) as error:
            if getattr(error, "reply_code", None) == NOT_FOUND:
                broker.queues_pending.add(queue_name)
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        self.connection, self.channel = self._shared.connection, self._feed
        self.iterator = self._feed

    @override
    def _requeue(self, message: MessageProxy) -> None:
        tag = message._tag  # noqa: SLF001 - there is no other way to it
        self.known_tags.discard(tag)
        try:
            call = partial(self._feed.basic_nack, tag, requeue=True)
            self.connection.add_callback_threadsafe(call)
        except AMQPError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    @override
    def close(self) -> None:
        self._shared.close(self._feed)


class _HardStubConsumer(_SettledOnce, _StubConsumer):
    def __init__(self, queue_name: str, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self.queue_name = queue_name

    @override
    def _requeue(self, message: MessageProxy) -> None:
        self.queue.put(message.encode())
        super(_SettledOnce, self).ack(message)  # type: ignore[no-untyped-call]


class HardRabbitmqBroker(RabbitmqBroker):
    """RabbitMQ with confirms, one queue an actor, and no delay queues.

    Attributes:
        claim: The vhost claim that each consuming connection makes first; None: no claim.
        queue_type: `quorum` if several nodes are to hold agents' queues, else `classic`.
    """

    claim: VhostClaim | None = None
    queue_type = "classic"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shared: SharedConnection | None = None
        self._shared_guard = threading.Lock()

    def shared_connection(self) -> SharedConnection:
        """The connection over which this process consumes, opened if there is none.

        Raises:
            AMQPError: RabbitMQ cannot be reached, or refuses.
            OtherStoreError: Live processes of another store consume here.
        """
        with self._shared_guard:
            if self._shared is None or not self._shared.is_up:
                claim = self.claim.make if self.claim is not None else lambda _: None
                self._shared = SharedConnection(self.parameters, claim)
            return self._shared

    def give_back(self) -> None:
        """Return unsettled messages to other processes, and take no more."""
        with self._shared_guard:
            shared = self._shared
        if shared is not None:
            shared.give_back()

    @property
    @override
    def consumer_class(self) -> type[_RabbitmqConsumer]:
        return _HardRabbitmqConsumer

    @override
    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        name = q_name(queue_name)
        if name not in self.queues:
            self.emit_before("declare_queue", name)
            self.queues.add(name)
            self.queues_pending.add(name)
            self.emit_after("declare_queue", name)
        if ensure:
            self._ensure_queue(name)  # type: ignore[no-untyped-call]

    def ensure_queues(self) -> None:
        """Declare every queue on the broker now: messages published before would be dropped."""
        for name in self.queues:
            self.declare_queue(name, ensure=True)
        del self.connection

    @override
    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        """Let ticks expire soon: unread ones are worth nothing later, and must not pile up."""
        if queue_name in TICKED:
            return {"x-message-ttl": TICK_TTL_MS, "x-max-length": MOST_TICKS}
        arguments: dict[str, Any] = super()._build_queue_arguments(  # type: ignore[no-untyped-call]
            queue_name
        )
        return arguments if self.queue_type == "classic" else arguments | QUORUM

    @override
    def _declare_dq_queue(self, queue_name: str) -> None:
        """Declare nothing: no message is delayed, so no delay queue is needed."""


class HardStubBroker(StubBroker):
    """The same contract inside one process."""

    @override
    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 100) -> Consumer:
        queue, dead = self.queues[queue_name], self.dead_letters_by_queue[queue_name]
        return _HardStubConsumer(queue_name, queue, dead, prefetch, timeout)


def make_broker(
    address: Address | str | None, middleware: list[Middleware], queue_type: str = "classic"
) -> dramatiq.Broker:
    """A broker for RabbitMQ at an address, or for this process alone."""
    if address is None:
        return HardStubBroker(middleware=middleware)
    found = Address(address) if isinstance(address, str) else address
    return rabbitmq_broker(found, middleware, queue_type)


def rabbitmq_broker(
    address: Address, middleware: list[Middleware], queue_type: str = "classic"
) -> dramatiq.Broker:
    """A broker for RabbitMQ."""
    broker = HardRabbitmqBroker(url=address.url, confirm_delivery=True, middleware=middleware)
    broker.parameters = address.parameters("orchestration worker")
    broker.queue_type = queue_type
    return broker
