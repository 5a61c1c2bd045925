"""Checks that RabbitMQ can be reached, before anything is written that needs it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from orchestration.bus import topology
from orchestration.bus.address import Address, reason_of
from orchestration.bus.inspection import Inspection
from orchestration.bus.trouble import NO_CONNECTION, unreachable
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.errors import BrokerError, OtherStoreError
from orchestration.store import control
from orchestration.store.connect import open_store

PATIENCE_S = 3.0


def require_broker(address: Address | str) -> None:
    """Connect once.

    Args:
        address: Where the server is; a URL is `amqp://` or `amqps://`.

    Raises:
        UnreachableError: The server is away or refuses; the message has no password in it.
    """
    with connected(Address(address) if isinstance(address, str) else address):
        pass


def prepare_broker(address: Address) -> None:
    """Declare the exchange and the orchestrator's queues, so that no message to them is lost.

    Raises:
        BrokerError: The server is away or refuses us, or a queue exists with other arguments.
    """
    with connected(address) as connection:
        try:
            topology.declare(connection.channel())
        except AMQPError as error:
            raise BrokerError(
                f"RabbitMQ at {address.place} refuses our queues ({reason_of(error)}): where one"
                f" has other arguments, `rabbitmqctl delete_queue {topology.QUEUE}`"
            ) from None


def require_claim(address: Address, claim: VhostClaim) -> None:
    """Claim a vhost for a store, and release it at once.

    Raises:
        OtherStoreError: Live processes have claimed it for another store.
        BrokerError: The server is away or refuses us.
    """
    with asked(address) as connection:
        claim.make(connection)


def require_own_store(address: Address, url: str) -> None:
    """Check that no live fleet on this vhost has another store than the one that we write to.

    The broker is asked first: if it is away, no store is made. A user that may not declare queues
    cannot learn which store a fleet has, and is let through: a caller that only writes a command
    consumes nothing.

    Raises:
        BrokerError: RabbitMQ is away, refuses us, or serves live processes of another store.
        StoreError: The store cannot be used.
    """
    with asked(address) as connection, closing(open_store(url).store) as store:
        ours: str = store.read(control.name)
        if (theirs := rival(connection, ours)) is not None:
            raise OtherStoreError(address.place, ours, theirs)


def rival(connection: pika.BlockingConnection, ours: str) -> str | None:
    """The other store for which live processes have claimed the vhost; None: none is visible."""
    try:
        return Inspection(connection).rival(ours)
    except ChannelClosedByBroker:  # as in `VhostClaim.make`: no answer is no refusal
        return None


@contextmanager
def asked(address: Address) -> Iterator[pika.BlockingConnection]:
    """A connection for questions; if it ends in the middle of one, the error says the cure.

    Raises:
        BrokerError: The server is away, refuses us or ends the connection.
    """
    with connected(address) as connection:
        try:
            yield connection
        except AMQPError as error:
            raise BrokerError(
                f"RabbitMQ at {address.place} ended the connection ({reason_of(error)}): repeat"
            ) from None


@contextmanager
def connected(
    address: Address, patience_s: float = PATIENCE_S, name: str = "orchestrate"
) -> Iterator[pika.BlockingConnection]:
    """A connection for a question, with short timeouts.

    Args:
        address: Where the server is.
        patience_s: How long connecting may take.
        name: What the connection is called on the server.

    Raises:
        UnreachableError: The server is away or refuses; the message has no password in it.
    """
    wanted = address.parameters(name)
    wanted.socket_timeout = wanted.stack_timeout = patience_s
    wanted.blocked_connection_timeout = patience_s
    try:
        connection = pika.BlockingConnection(wanted)
    except NO_CONNECTION as error:
        raise unreachable(error, address) from None
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()
