"""A channel of pika whose methods can be awaited."""

import asyncio
from collections.abc import Callable
from typing import Any

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel


class Talk:
    """One open channel.

    Args:
        channel: A channel that is being opened.

    Attributes:
        closed: Done once the channel is closed; its result says why.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.closed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        channel.add_on_close_callback(self._close)

    async def ask(self, method: Callable[..., object], *args: Any, **options: Any) -> Any:
        """Call a method of the channel that takes a `callback`, and wait for the answer.

        Raises:
            AMQPError: The channel was closed instead.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        method(*args, callback=lambda frame: settle(answer, frame), **options)
        return await self.first(answer)

    async def first(self, answer: "asyncio.Future[Any]") -> Any:
        """The result of an answer.

        Raises:
            AMQPError: The channel was closed before the answer came.
        """
        await asyncio.wait((answer, self.closed), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise self.closed.result()

    async def close(self) -> None:
        """Close the channel, and wait until it is closed."""
        if self.channel.is_open:
            self.channel.close()
        await asyncio.wait((self.closed,))

    def _close(self, _channel: Channel, reason: Exception) -> None:
        settle(self.closed, reason)


async def open_talk(connection: AsyncioConnection) -> Talk:
    """Open a channel.

    Raises:
        AMQPError: The connection is gone.
    """
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    talk = Talk(connection.channel(on_open_callback=lambda found: settle(opened, found)))
    await talk.first(opened)
    return talk


def settle(future: "asyncio.Future[Any]", value: Any) -> None:
    """Give a future its result, unless it has one or is cancelled."""
    if not future.done():
        future.set_result(value)
