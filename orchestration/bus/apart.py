"""A corner of a vhost for a rehearsal: every exchange and queue has a name of its own there.

Its queues expire within a minute of its end, even if the rehearsal cannot delete them; each
exchange goes with the last of its queues.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from typing_extensions import override

from orchestration.bus import topology
from orchestration.bus.address import Address, reason_of
from orchestration.bus.publisher import Letter, Publisher
from orchestration.errors import BrokerError, CheckFailedError
from orchestration.messages import EXCHANGE
from orchestration.text import counted

NOT_FOUND, DIFFERENT = 404, 406
SOMEBODY = "verify_nobody"


class Names:
    """A stand-in for a channel that only notes the names of declared queues and exchanges."""

    def __init__(self) -> None:
        self.queues: list[str] = []
        self.exchanges: list[str] = []

    def exchange_declare(self, exchange: str, *_args: object, **_options: object) -> None:
        """Note an exchange."""
        self.exchanges.append(exchange)

    def queue_declare(self, queue: str, *_args: object, **_options: object) -> None:
        """Note a queue."""
        self.queues.append(queue)

    def queue_bind(self, *_args: object) -> None:
        """Nothing to note: a binding goes with its queue."""


class ApartChannel:
    """A channel that puts a prefix before the name of every exchange and queue."""

    def __init__(self, channel: BlockingChannel, prefix: str) -> None:
        self._channel = channel
        self._prefix = prefix

    def exchange_declare(self, exchange: str, *args: Any, **options: Any) -> Any:
        """Declare an exchange that goes with its last queue."""
        name = self._prefix + exchange
        return self._channel.exchange_declare(name, *args, **options | {"auto_delete": True})

    def queue_declare(self, queue: str, **options: Any) -> Any:
        """Declare a queue that goes soon after its last consumer."""
        name = self._prefix + queue
        arguments = {**(options.pop("arguments", None) or {}), **topology.FLEETING}
        return self._channel.queue_declare(name, arguments=arguments, **options)

    def queue_bind(self, queue: str, exchange: str, *args: Any) -> Any:
        """Bind one to the other."""
        return self._channel.queue_bind(self._prefix + queue, self._prefix + exchange, *args)

    def queue_delete(self, queue: str, **options: Any) -> Any:
        """Delete a queue."""
        return self._channel.queue_delete(self._prefix + queue, **options)

    def basic_consume(self, queue: str, *args: Any, **options: Any) -> Any:
        """Consume a queue."""
        return self._channel.basic_consume(self._prefix + queue, *args, **options)

    def __getattr__(self, name: str) -> Any:
        """Other methods take no names, and are the channel's own."""
        return getattr(self._channel, name)


class ApartConnection(pika.BlockingConnection):  # type: ignore[misc]  # pika has no types
    """A connection whose channels put a prefix before every name."""

    def __init__(self, parameters: pika.connection.Parameters, prefix: str) -> None:
        super().__init__(parameters)
        self._prefix = prefix

    @override
    def channel(self, channel_number: int | None = None) -> ApartChannel:
        return ApartChannel(super().channel(channel_number), self._prefix)


class ApartPublisher(Publisher):
    """A publisher that puts a prefix before every exchange; it declares none."""

    def __init__(self, address: Address, confirmed: Any, refused: Any) -> None:
        to = partial(address.parameters, "orchestrate verify notifier")
        super().__init__(to, confirmed, refused)
        self._prefix = address.prefix

    @override
    def publish(self, letters: Sequence[Letter]) -> None:
        apart = [replace(each, exchange=self._prefix + each.exchange) for each in letters]
        super().publish(apart)

    @override
    def look(self, queue: str, tell: Callable[[int], None]) -> bool:
        return super().look(self._prefix + queue, tell)


def through(address: Address, port: int) -> Address:
    """The same address by way of a port of this machine; the server shows the same name."""
    parts = urlsplit(address.url)
    login, at, _ = parts.netloc.rpartition("@")
    options = address.parameters("").ssl_options
    if options is not None:
        options = pika.SSLOptions(options.context, options.server_hostname or parts.hostname)
    url = urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))
    return replace(address, url=url, ssl_options=options)


def connect(address: Address, name: str) -> ApartConnection:
    """A connection to the corner of an address."""
    return ApartConnection(address.parameters(name), address.prefix)


def set_up(connection: ApartConnection) -> None:
    """Declare the orchestrator's exchanges and queues, and once more: that changes nothing.

    Raises:
        BrokerError: The server refuses that.
    """
    channel = connection.channel()
    try:
        topology.declare(channel)
        topology.declare(channel)
    except AMQPError as error:
        raise BrokerError(
            f"RabbitMQ refuses to set up queues for a rehearsal ({reason_of(error)}): let this"
            " user configure, write and read `verify_.*` (rabbitmqctl set_permissions)"
        ) from None


def take_down(connection: pika.BlockingConnection, prefix: str, agents: Sequence[str]) -> None:
    """Delete the queues and exchanges of a rehearsal; those that are gone already do not matter.

    Args:
        connection: To the server, without a prefix.
        prefix: That of the rehearsal.
        agents: The agents that took part.
    """
    names = Names()
    topology.declare(names)
    channel = connection.channel()
    with suppress(ChannelClosedByBroker):  # a user that may not delete them could not make them
        for queue in (*names.queues, topology.STORE_QUEUE, *map(topology.queue_of, agents)):
            channel.queue_delete(prefix + queue)
        for exchange in names.exchanges:
            channel.exchange_delete(prefix + exchange)


def check_routes(connection: pika.BlockingConnection, exchange: str, body: bytes) -> int:
    """Publish on every key that agents use; return how many there are.

    Raises:
        CheckFailedError: One leads nowhere.
    """
    channel = connection.channel()
    channel.confirm_delivery()
    for binding in topology.BINDINGS:
        key = binding.replace("*", SOMEBODY)
        try:
            channel.basic_publish(exchange, key, body, mandatory=True)
        except pika.exceptions.UnroutableError:
            raise CheckFailedError(f"a message on {key} reaches no queue") from None
    return len(topology.BINDINGS)


def look_at_real_queue(connection: pika.BlockingConnection) -> str:
    """The state of a real installation's queue, in one line; nothing is changed.

    Raises:
        CheckFailedError: Its arguments are not those that agents declare it with.
    """
    try:
        found = connection.channel().queue_declare(topology.QUEUE, passive=True).method
        wanted = topology.QUEUE_ARGUMENTS
        connection.channel().queue_declare(topology.QUEUE, durable=True, arguments=wanted)
    except ChannelClosedByBroker as error:
        if error.reply_code == DIFFERENT:
            raise CheckFailedError(
                f"agents are refused: {error.reply_text}; stop the fleet, then `rabbitmqctl"
                f" delete_queue {topology.QUEUE}`, and it is made anew"
            ) from None
        missing = error.reply_code == NOT_FOUND
        return f"no {topology.QUEUE} yet" if missing else f"{topology.QUEUE} is not ours to see"
    messages = counted(found.message_count, "message")
    return f"{topology.QUEUE} has {messages} and {counted(found.consumer_count, 'consumer')}"


def throw(connection: pika.BlockingConnection, exchange: str, key: str, body: bytes) -> None:
    """Publish a body as it is, valid or not."""
    connection.channel().basic_publish(exchange, key, body)


def exchange_of(address: Address) -> str:
    """The name of the exchange in the corner of an address."""
    return address.prefix + EXCHANGE
