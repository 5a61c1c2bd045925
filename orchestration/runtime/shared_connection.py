"""One connection of a process, over which it consumes all of its queues, each on its channel.

Dramatiq opens a connection for each queue, and a broker's plan counts connections. Here one thread
owns the only one: it hands deliveries to the threads that consume, and settles them on their
behalf. If the connection is lost, each consumer notices, and asks for a new one.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Self

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError, ChannelWrongStateError
from typing_extensions import override

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
PATIENCE_S = 30.0
END_WITHIN_S = 5.0
Delivery = tuple[Any, Any, Any]
NOTHING: Delivery = (None, None, None)


class Feed(Iterator[Delivery]):
    """The deliveries of one queue, as its consumer takes them.

    Args:
        channel: The queue's own channel.
        timeout_s: After so long without a message `NOTHING` comes, in seconds.
    """

    def __init__(self, channel: BlockingChannel, timeout_s: float) -> None:
        self.channel = channel
        self._timeout_s = timeout_s
        self._came: SimpleQueue[Delivery | None] = SimpleQueue()
        self._is_lost = False

    @override
    def __iter__(self) -> Self:
        return self

    @override
    def __next__(self) -> Delivery:
        try:
            delivery = self._came.get(timeout=self._timeout_s)
        except Empty:
            delivery = None if self._is_lost else NOTHING
        if delivery is None:
            raise AMQPConnectionError("the connection over which this queue came is gone")
        return delivery

    def put(self, _channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        """Take in a delivery."""
        self._came.put((method, properties, body))

    def basic_ack(self, tag: int) -> None:
        """Acknowledge a message, unless the channel is closed: then it is redelivered."""
        with suppress(ChannelWrongStateError):
            self.channel.basic_ack(tag)

    def basic_nack(self, tag: int, *, requeue: bool) -> None:
        """Refuse a message, unless the channel is closed."""
        with suppress(ChannelWrongStateError):
            self.channel.basic_nack(tag, requeue=requeue)

    def lose(self, *_reason: object) -> None:
        """Let the consumer know that no delivery will follow."""
        self._is_lost = True
        self._came.put(None)


class SharedConnection:
    """A connection, and the thread that owns it.

    Args:
        parameters: How to connect.
        prepare: Called with it before the first queue is consumed.

    Raises:
        AMQPError: The connection cannot be opened.
    """

    def __init__(
        self,
        parameters: pika.connection.Parameters,
        prepare: Callable[[pika.BlockingConnection], None],
    ) -> None:
        self.connection = pika.BlockingConnection(parameters)
        try:
            prepare(self.connection)
        except BaseException:
            if self.connection.is_open:
                self.connection.close()
            raise
        self._feeds: set[Feed] = set()
        self._calls: set[Future[Any]] = set()
        self._is_left = False
        self._thread = threading.Thread(target=self._serve, name="consumer line", daemon=True)
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """Whether another queue may be consumed over it."""
        return self._thread.is_alive() and self.connection.is_open and not self._is_left

    def open(self, queue: str, prefetch: int, timeout_s: float) -> Feed:
        """Consume a queue.

        Raises:
            AMQPError: The queue is not there, or the connection is lost.
        """
        feed: Feed = self._call(partial(self._open, queue, prefetch, timeout_s))
        return feed

    def close(self, feed: Feed) -> None:
        """Consume a queue no longer: unsettled messages are redelivered; the last disconnects."""
        with suppress(AMQPError, TimeoutError):
            self._call(partial(self._close, feed))
        if self._is_left:
            self._thread.join(END_WITHIN_S)

    def give_back(self) -> None:
        """Let all unsettled messages be redelivered to others, and take no more."""
        with suppress(AMQPError, TimeoutError):
            self._call(self._close_channels)

    def _close_channels(self) -> None:
        """Close each channel without telling its consumer: nothing was lost."""
        while self._feeds:
            channel = self._feeds.pop().channel
            if channel.is_open:
                channel.close()

    def _open(self, queue: str, prefetch: int, timeout_s: float) -> Feed:
        channel = self.connection.channel()
        channel.basic_qos(prefetch_count=prefetch)
        feed = Feed(channel, timeout_s)
        channel.add_on_cancel_callback(feed.lose)
        channel.basic_consume(queue, feed.put)
        self._feeds.add(feed)
        return feed

    def _close(self, feed: Feed) -> None:
        self._feeds.discard(feed)
        self._is_left = not self._feeds
        if feed.channel.is_open:
            feed.channel.close()

    def _call(self, operation: Callable[[], Any]) -> Any:
        """Call an operation in the thread that owns the connection, and wait for it."""
        future: Future[Any] = Future()
        self._calls.add(future)
        try:
            self.connection.add_callback_threadsafe(partial(fulfil, future, operation))
            if not self._thread.is_alive():
                raise AMQPConnectionError("the connection is gone")
            return future.result(PATIENCE_S)
        except TimeoutError:
            if not future.cancel():
                with suppress(AMQPError):
                    self.connection.add_callback_threadsafe(partial(self._discard, future))
            raise
        finally:
            self._calls.discard(future)

    def _discard(self, future: "Future[Any]") -> None:
        """Close a feed whose caller waits no longer: no consumer would read it."""
        if future.exception() is None and isinstance(feed := future.result(), Feed):
            with suppress(AMQPError):
                self._close(feed)

    def _serve(self) -> None:
        try:
            while not self._is_left:
                self.connection.process_data_events(LOOK_EVERY_S)
                for feed in [each for each in self._feeds if not each.channel.is_open]:
                    self._feeds.discard(feed)
                    feed.lose()
        except AMQPError as error:
            log.warning("the connection that consumes is lost: %s", error)
        except Exception:  # the thread's outermost frame
            log.exception("a bug: the connection that consumes is given up")
        finally:
            self._end()

    def _end(self) -> None:
        with suppress(AMQPError):
            if self.connection.is_open:
                self.connection.close()
        for feed in self._feeds:
            feed.lose()
        for future in list(self._calls):
            with suppress(InvalidStateError):
                future.set_exception(AMQPConnectionError("the connection is gone"))


def fulfil(future: "Future[Any]", operation: Callable[[], Any]) -> None:
    """Call an operation for a waiting thread; do nothing if it waits no more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(operation())
    except Exception as error:  # noqa: BLE001 - it belongs to the waiting thread
        future.set_exception(error)
