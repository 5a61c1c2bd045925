"""The relay: one thread a process that publishes on RabbitMQ, with confirms in a window."""

import logging
import threading
from collections import deque
from collections.abc import Sequence

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.exceptions import AMQPError

from orchestration.ports import Dispatch
from orchestration.runtime.messages import to_message

log = logging.getLogger(__name__)

WINDOW = 200
MOST_KEPT = 20_000
PAUSE_S = 1.0
CLOSING_S = 5.0
PERSISTENT = pika.BasicProperties(delivery_mode=2, content_type="application/json")


class Relay:
    """Publishes dispatches, and again what was not confirmed when the connection broke.

    Nothing here has to be durable: a message that is lost is sent again from its row.

    Args:
        parameters: How to connect.
    """

    def __init__(self, parameters: pika.connection.Parameters) -> None:
        self._parameters = parameters
        self._waiting: deque[Dispatch] = deque(maxlen=MOST_KEPT)
        self._unconfirmed: dict[int, Dispatch] = {}
        self._tag = 0
        self._channel: Channel | None = None
        self._connection: SelectConnection | None = None
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can publish now."""
        return self._channel is not None and bool(self._channel.is_open)

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Publish soon, without waiting and without raising."""
        self._waiting.extend(messages)
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="relay", daemon=True)
            self._thread.start()
        elif self._connection is not None and self.is_open:
            self._connection.ioloop.add_callback_threadsafe(self._publish)

    def close(self) -> None:
        """Wait a little for what is under way, and disconnect."""
        with self._idle:
            self._idle.wait_for(self._is_idle, timeout=CLOSING_S if self._thread else 0)
        self._stopping.set()
        if self._connection is not None:
            self._connection.ioloop.add_callback_threadsafe(self._connection.ioloop.stop)
        if self._thread is not None:
            self._thread.join(CLOSING_S)

    def _is_idle(self) -> bool:
        return not self._waiting and not self._unconfirmed

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._connection = SelectConnection(
                self._parameters,
                on_open_callback=self._opened,
                on_open_error_callback=self._broken,
                on_close_callback=self._broken,
            )
            try:
                self._connection.ioloop.start()
            except (AMQPError, OSError) as error:
                log.warning("relay: %s", error)
            self._forget_connection()
            self._stopping.wait(PAUSE_S)

    def _forget_connection(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            connection.close()
            connection.ioloop.start()
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()

    def _opened(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Channel) -> None:
        channel.confirm_delivery(self._confirmed)
        self._tag = 0
        self._channel = channel
        self._publish()

    def _broken(self, connection: SelectConnection, reason: object) -> None:
        if not self._stopping.is_set():
            log.warning("relay: no connection to RabbitMQ, trying again: %s", reason)
        connection.ioloop.stop()

    def _publish(self) -> None:
        while self._waiting and self._channel is not None and len(self._unconfirmed) < WINDOW:
            dispatch = self._waiting.popleft()
            self._tag += 1
            self._unconfirmed[self._tag] = dispatch
            body = to_message(dispatch).encode()
            self._channel.basic_publish("", dispatch.queue, body, PERSISTENT)

    def _confirmed(self, frame: "pika.frame.Method[pika.spec.Basic.Ack]") -> None:
        method = frame.method
        first = min(self._unconfirmed, default=0) if method.multiple else method.delivery_tag
        for tag in range(first, method.delivery_tag + 1):
            dispatch = self._unconfirmed.pop(tag, None)
            if dispatch is not None and isinstance(method, pika.spec.Basic.Nack):
                self._waiting.append(dispatch)
        self._publish()
        if self._is_idle():
            with self._idle:
                self._idle.notify_all()
