"""An agent's channel on the bus: it publishes with confirms, consumes, and is opened again."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError, ChannelClosedByBroker

from orchestration.bus import topology
from orchestration.bus.link import Link
from orchestration.bus.talk import Talk, open_talk, settle
from orchestration.errors import BrokerError, UnroutableError
from orchestration.messages import EXCHANGE

log = logging.getLogger("rabbitmq_orchestration")

PREFETCH = 100
PAUSE_S = 0.5
CLOSING_S = 5.0
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is to be published.

    Attributes:
        wanted: Whether it is an error if no queue takes it.
    """

    routing_key: str
    body: bytes
    properties: pika.BasicProperties
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivered message, and the channel on which to acknowledge it."""

    routing_key: str
    body: bytes
    channel: Channel
    tag: int

    def ack(self) -> None:
        """Acknowledge it; if the channel is gone, the broker redelivers it instead."""
        if self.channel.is_open:
            self.channel.basic_ack(self.tag)


@dataclass(frozen=True, slots=True)
class _Sending:
    message: Outgoing
    confirmed: "asyncio.Future[BrokerError | None]"


class AgentChannel:
    """One agent's channel on a shared connection.

    Messages that were not confirmed when the connection broke are published again on the next one;
    a refusal of the broker is raised to the caller of `publish`.

    Args:
        link: The connection, which the caller has joined.
        agent: The agent's name.
    """

    def __init__(self, link: Link, agent: str) -> None:
        self._link = link
        self._agent = agent
        self._exchange = link.prefix + EXCHANGE
        self._talk: Talk | None = None
        self._waiting: deque[_Sending] = deque()
        self._unconfirmed: dict[int, _Sending] = {}
        self._last = 0
        self._receive: Callable[[Incoming], None] | None = None
        self._wanted = asyncio.Event()
        self._consuming: asyncio.Future[BrokerError | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._task = asyncio.create_task(self._serve(), name=f"rabbitmq-line-{agent}")

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish on the exchange, and wait until the broker has all messages on disk.

        While there is no connection this waits for the next one.

        Raises:
            BrokerError: The broker refused a message; the message says why.
        """
        loop = asyncio.get_running_loop()
        sendings = [_Sending(message, loop.create_future()) for message in messages]
        self._waiting.extend(sendings)
        self._flush()
        for error in await asyncio.gather(*(sending.confirmed for sending in sendings)):
            if error is not None:
                raise error

    async def consume(self, receive: Callable[[Incoming], None]) -> None:
        """Pass every message of the agent's own queue to a function from now on.

        Raises:
            BrokerError: The broker does not allow it.
        """
        self._receive = receive
        self._wanted.set()
        if (error := await asyncio.shield(self._consuming)) is not None:
            self._receive = None
            self._wanted.clear()
            self._consuming = asyncio.get_running_loop().create_future()
            raise error

    async def bind(self) -> None:
        """Bind the agent's queue once more: bindings are deleted together with the exchange."""
        if self._talk is not None and self._wanted.is_set():
            with suppress(AMQPError):  # the channel is reopened, and that binds as well
                await bind(self._talk, self._agent, self._link.prefix)

    async def close(self) -> None:
        """Wait a little for unconfirmed messages, and close the channel."""
        open_ones = [each.confirmed for each in (*self._waiting, *self._unconfirmed.values())]
        if open_ones:
            await asyncio.wait(open_ones, timeout=CLOSING_S)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _serve(self) -> None:
        try:
            while True:
                connection = await self._link.connection()
                try:
                    await self._use(connection)
                except (AMQPError, OSError) as error:
                    log.warning("%s: the channel was closed: %s", self._agent, error)
                await asyncio.sleep(PAUSE_S if self._link.is_open else 0)
        finally:
            left = BrokerError(f"{self._agent} was disconnected before this was confirmed")
            self._give_back([*self._unconfirmed.values(), *self._waiting], left)

    async def _use(self, connection: AsyncioConnection) -> None:
        """Open a channel, and serve it until it is closed."""
        talk = await open_with_exchange(connection, self._exchange)
        try:
            talk.channel.add_on_return_callback(self._returned)
            await talk.ask(talk.channel.confirm_delivery, self._confirmed)
            self._last = 0
            self._talk = talk
            self._flush()
            await self._listen(talk)
            raise await talk.closed
        except ChannelClosedByBroker as error:
            refusal = BrokerError(f"RabbitMQ refused {self._agent}: {error}")
            self._give_back(list(self._unconfirmed.values()), refusal)
            self._unconfirmed.clear()
            raise
        finally:
            self._talk = None
            self._waiting.extendleft(reversed(self._unconfirmed.values()))
            self._unconfirmed.clear()
            if talk.channel.is_open:
                talk.channel.close()

    async def _listen(self, talk: Talk) -> None:
        """Consume, once `consume` was called; return then, or when the channel is closed."""
        wanted = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait((wanted, talk.closed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
        if talk.closed.done() or self._receive is None:
            return
        try:
            await subscribe(talk, self._agent, self._deliver, self._link.prefix)
        except ChannelClosedByBroker as error:
            refusal = BrokerError(f"{self._agent} may not consume its own queue: {error}")
            settle(self._consuming, refusal)
            raise
        settle(self._consuming, None)

    def _deliver(
        self,
        channel: Channel,
        method: pika.spec.Basic.Deliver,
        _properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        if self._receive is not None:
            self._receive(Incoming(method.routing_key, body, channel, method.delivery_tag))

    def _flush(self) -> None:
        while self._waiting and self._talk is not None and self._talk.channel.is_open:
            sending = self._waiting.popleft()
            if sending.confirmed.done():
                continue
            self._last += 1
            self._unconfirmed[self._last] = sending
            message = sending.message
            self._talk.channel.basic_publish(
                self._exchange,
                message.routing_key,
                message.body,
                message.properties,
                mandatory=message.wanted,
            )

    def _confirmed(self, frame: "pika.frame.Method[pika.spec.Basic.Ack]") -> None:
        method = frame.method
        nacked = isinstance(method, pika.spec.Basic.Nack)
        error = (
            BrokerError("RabbitMQ could not keep the message: send it again") if nacked else None
        )
        first = min(self._unconfirmed, default=0) if method.multiple else method.delivery_tag
        for number in range(first, method.delivery_tag + 1):
            if (sending := self._unconfirmed.pop(number, None)) is not None:
                settle(sending.confirmed, error)

    def _returned(
        self,
        _channel: Channel,
        _method: pika.spec.Basic.Return,
        _properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        """Tell a message's sender that no queue takes it; the confirmation comes later."""
        for sending in self._unconfirmed.values():
            if sending.message.body == body:
                settle(sending.confirmed, unroutable(sending.message.routing_key))

    def _give_back(self, sendings: Sequence[_Sending], error: BrokerError) -> None:
        for sending in sendings:
            settle(sending.confirmed, error)


def unroutable(routing_key: str) -> UnroutableError:
    """The error of a command that no queue takes, and what to do."""
    to = routing_key.partition(".")[2]
    if to == "orchestration":
        return UnroutableError(
            to,
            "no orchestrator has run on this vhost yet, so nobody would get the command: start one"
            " (`dramatiq MODULE`, with the module of your app), then send it again",
        )
    return UnroutableError(
        to,
        f"{to} has no queue on this vhost, so nobody would get the command: start {to}, then send"
        " it again",
    )


async def open_with_exchange(connection: AsyncioConnection, exchange: str) -> Talk:
    """Open a channel, and make sure that the exchange is there.

    The passive look comes first: a user without the permission to configure may do that, too.

    Raises:
        AMQPError: The channel was closed.
    """
    talk = await open_talk(connection)
    try:
        await talk.ask(talk.channel.exchange_declare, exchange, "topic", passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:
            raise
        talk = await open_talk(connection)
        await talk.ask(talk.channel.exchange_declare, exchange, "topic", durable=True)
    return talk


async def subscribe(talk: Talk, agent: str, deliver: Callable[..., None], prefix: str = "") -> None:
    """Declare an agent's own queue, and consume it; a rehearsal's queue expires.

    Raises:
        AMQPError: The channel was closed: the broker does not allow it, or the connection broke.
    """
    channel, queue = talk.channel, prefix + topology.queue_of(agent)
    arguments = topology.FLEETING if prefix else None
    await talk.ask(channel.queue_declare, queue, durable=True, arguments=arguments)
    await bind(talk, agent, prefix)
    channel.add_on_cancel_callback(lambda _frame: channel.close())
    await talk.ask(channel.basic_qos, prefetch_count=PREFETCH)
    await talk.ask(channel.basic_consume, queue, deliver)


async def bind(talk: Talk, agent: str, prefix: str = "") -> None:
    """Bind an agent's own queue to all of its keys; existing bindings stay.

    Raises:
        AMQPError: The channel was closed: there is no exchange, or the connection broke.
    """
    for key in topology.keys_of(agent):
        queue = prefix + topology.queue_of(agent)
        await talk.ask(talk.channel.queue_bind, queue, prefix + EXCHANGE, key)
