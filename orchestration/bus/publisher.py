"""One thread per process that publishes on RabbitMQ, with a window of confirms."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from orchestration import failpoints
from orchestration.errors import ConfigurationError
from orchestration.failpoints import Failpoint

log = logging.getLogger(__name__)

WINDOW = 200
MOST_KEPT = 20_000
PAUSE_S = 1.0
STALLED_S = 3.0
CLOSING_S = 5.0
NEVER = 406
QUEUE_REFUSES = "a queue that it goes to refuses it: it is full, or not there at the moment"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for an exchange.

    Attributes:
        tag: Passed back when the letter is confirmed; the publisher does not look at it.
        headers: Its AMQP headers.
    """

    exchange: str
    routing_key: str
    body: bytes
    tag: Any = None
    priority: int | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter that the broker refuses, given back to its sender.

    Attributes:
        for_good: Whether it would be refused at any time, such as one that is too large.
    """

    letter: Letter
    reason: str
    for_good: bool = False


def nothing(_told: Sequence[Any]) -> None:
    """Do nothing: the default callback."""


class Publisher:
    """Publishes letters, and again those not confirmed when the connection broke.

    It keeps its letters in memory only: a caller that may not lose one keeps it until it is
    confirmed. A refused letter is given back and not sent again: its sender knows when to retry.

    Args:
        parameters: How to connect; called at each connection.
        confirmed: Called with the tags of letters that the broker has on disk, in this thread.
        refused: Called with the refusals, in this thread.
        exchange: A topic exchange that is declared before anything is published; None: none.
    """

    def __init__(
        self,
        parameters: Callable[[], pika.connection.Parameters],
        confirmed: Callable[[Sequence[Any]], None] = nothing,
        refused: Callable[[Sequence[Refusal]], None] = nothing,
        exchange: str | None = None,
    ) -> None:
        self._parameters = parameters
        self._on_confirmed = confirmed
        self._on_refused = refused
        self._exchange = exchange
        self._waiting: deque[Letter] = deque(maxlen=MOST_KEPT)
        self._unconfirmed: dict[int, Letter] = {}
        self._suspects = 0
        self._last = 0
        self._moved_at = 0.0
        self._channel: Channel | None = None
        self._connection: SelectConnection | None = None
        self._stopping = threading.Event()
        self._idle = threading.Condition()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can publish now."""
        return self._channel is not None and bool(self._channel.is_open)

    @property
    def is_stalled(self) -> bool:
        """Whether letters wait, and none has been confirmed for seconds."""
        return not self._is_idle() and time.monotonic() - self._moved_at > STALLED_S

    def publish(self, letters: Sequence[Letter]) -> None:
        """Publish soon, without waiting and without raising."""
        if self._is_idle():
            self._moved_at = time.monotonic()
        self._waiting.extend(letters)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="publisher", daemon=True)
                self._thread.start()
                return
        if (channel := self._channel) is not None:
            channel.connection.ioloop.add_callback_threadsafe(self._flush)

    def look(self, queue: str, tell: Callable[[int], None]) -> bool:
        """Ask how many messages wait in a queue; False if nothing can be asked now.

        Args:
            queue: Its name.
            tell: Called with the number, in this publisher's thread; 0 if there is no such queue.
                If the connection breaks, it is never called.
        """
        self.publish([])
        if (channel := self._channel) is None:
            return False
        connection = channel.connection
        connection.ioloop.add_callback_threadsafe(lambda: _look(connection, queue, tell))
        return True

    def close(self) -> None:
        """Wait a little for unconfirmed letters, and disconnect."""
        if self._thread is None:
            return
        with self._idle:
            self._idle.wait_for(self._is_idle, timeout=CLOSING_S)
        self._stopping.set()
        if (connection := self._connection) is not None:
            connection.ioloop.add_callback_threadsafe(connection.ioloop.stop)
        self._thread.join(CLOSING_S)

    def _is_idle(self) -> bool:
        return not self._waiting and not self._unconfirmed

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve_connection()
            except (AMQPError, OSError, ConfigurationError) as error:
                log.warning("publisher: %s", error)
            except Exception:  # the thread's outermost frame
                log.exception("publisher: a bug: trying again by a new connection")
            self._stopping.wait(PAUSE_S)

    def _serve_connection(self) -> None:
        connection = self._connection = SelectConnection(
            self._parameters(),
            on_open_callback=self._opened,
            on_open_error_callback=self._broken,
            on_close_callback=self._broken,
        )
        try:
            if not self._stopping.is_set():  # `close` may have been called before this connection
                connection.ioloop.start()
        finally:
            self._forget(connection)

    def _forget(self, connection: SelectConnection) -> None:
        self._connection = self._channel = None
        if not (connection.is_closed or connection.is_closing):  # it may still be opening
            connection.close()
            connection.ioloop.call_later(CLOSING_S, connection.ioloop.stop)
            connection.ioloop.start()
        connection.ioloop.close()

    def _opened(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._refused)
        channel.confirm_delivery(self._confirmed)
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()
        self._last = 0
        if self._exchange is None:
            self._ready(channel)
        else:
            channel.exchange_declare(
                self._exchange, "topic", durable=True, callback=lambda _: self._ready(channel)
            )

    def _ready(self, channel: Channel) -> None:
        self._channel = channel
        self._flush()

    def _refused(self, channel: Channel, reason: Exception) -> None:
        """Give back the letter that was refused.

        The broker does not say which it was: if several are unconfirmed, each of them is sent
        alone from then on, until all are settled.
        """
        if not isinstance(reason, ChannelClosedByBroker):
            return
        self._channel = None
        if len(self._unconfirmed) == 1:
            _, letter = self._unconfirmed.popitem()
            for_good = reason.reply_code == NEVER
            self._give_back([letter], reason.reply_text, for_good=for_good)
            self._suspects = max(0, self._suspects - 1)
        else:
            self._suspects = len(self._unconfirmed)
        channel.connection.close()

    def _give_back(self, letters: Sequence[Letter], reason: str, *, for_good: bool = False) -> None:
        self._on_refused([Refusal(each, reason, for_good) for each in letters])

    def _broken(self, connection: SelectConnection, reason: object) -> None:
        if not self._stopping.is_set():
            log.warning("publisher: no connection to RabbitMQ, trying again: %s", reason)
        connection.ioloop.stop()

    def _flush(self) -> None:
        window = 1 if self._suspects else WINDOW
        while self._waiting and self._channel is not None and len(self._unconfirmed) < window:
            letter = self._waiting.popleft()
            self._last += 1
            self._unconfirmed[self._last] = letter
            properties = pika.BasicProperties(
                delivery_mode=2,
                content_type="application/json",
                priority=letter.priority,
                headers=None if letter.headers is None else dict(letter.headers),
            )
            failpoints.reach(Failpoint.PUBLISHING)
            self._channel.basic_publish(
                letter.exchange, letter.routing_key, letter.body, properties
            )
            failpoints.reach(Failpoint.PUBLISHED)

    def _confirmed(self, frame: "pika.frame.Method[pika.spec.Basic.Ack]") -> None:
        self._moved_at = time.monotonic()
        method = frame.method
        first = next(iter(self._unconfirmed), 0) if method.multiple else method.delivery_tag
        letters = [
            self._unconfirmed.pop(number)
            for number in range(first, method.delivery_tag + 1)
            if number in self._unconfirmed
        ]
        self._suspects = max(0, self._suspects - len(letters))
        if isinstance(method, pika.spec.Basic.Nack):
            self._give_back(letters, QUEUE_REFUSES)
        else:
            failpoints.reach(Failpoint.CONFIRMED)
            self._on_confirmed([each.tag for each in letters])
        self._flush()
        if self._is_idle():
            with self._idle:
                self._idle.notify_all()


def _look(connection: SelectConnection, queue: str, tell: Callable[[int], None]) -> None:
    """Count on a channel of its own, which the server closes if there is no such queue."""

    def ask(channel: Channel) -> None:
        channel.add_on_close_callback(closed)
        channel.queue_declare(queue, passive=True, callback=partial(answered, channel))

    def answered(channel: Channel, frame: "pika.frame.Method[pika.spec.Queue.DeclareOk]") -> None:
        tell(frame.method.message_count)
        channel.close()

    def closed(_channel: Channel, reason: Exception) -> None:
        if isinstance(reason, ChannelClosedByBroker):
            tell(0)

    if connection.is_open:
        connection.channel(on_open_callback=ask)
