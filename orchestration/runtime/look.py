"""The current state of RabbitMQ."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pika.exceptions import AMQPError, ChannelClosedByBroker

from orchestration.bus import topology
from orchestration.bus.address import Address, reason_of
from orchestration.bus.inspection import Inspection
from orchestration.errors import BrokerError, UnreachableError
from orchestration.messages import EXCHANGE
from orchestration.runtime.reach import connected

GLANCE_S = 1.5


def broker_state(address: Address) -> dict[str, Any]:
    """Whether RabbitMQ can be used now; if not, why, and the cure.

    Args:
        address: Where the server is.
    """
    state = {"address": address.place, "reachable": True, "problem": None, "cure": None}
    try:
        with connected(address, GLANCE_S):
            return state
    except UnreachableError as error:
        return state | {"reachable": False, "problem": error.problem, "cure": error.cure}


@contextmanager
def looking(address: Address, name: str) -> Iterator[Inspection]:
    """A connection for several questions.

    Args:
        address: Where the server is.
        name: What the connection is called on the server.

    Raises:
        UnreachableError: The server is away or refuses.
        BrokerError: The server has refused a question, or ended the connection.
    """
    with connected(address, name=name) as connection:
        try:
            yield Inspection(connection)
        except AMQPError as error:
            raise BrokerError(f"RabbitMQ at {address.place} refused: {reason_of(error)}") from None


def rabbitmq_status(address: Address) -> dict[str, Any]:
    """The state of the orchestrator's queue; the server is asked at each call.

    Args:
        address: Where the server is.
    """
    status: dict[str, Any] = {
        "connection_open": False,
        "is_consuming": False,
        "address": address.place,
        "exchange": EXCHANGE,
        "queue": topology.QUEUE,
        "queue_depth": None,
        "consumers": 0,
        "error": None,
    }
    try:
        with connected(address) as connection:
            status["connection_open"] = True
            declared = connection.channel().queue_declare(topology.QUEUE, passive=True).method
            status["queue_depth"] = declared.message_count
            status["consumers"] = declared.consumer_count
            status["is_consuming"] = declared.consumer_count > 0
    except BrokerError as error:
        status["error"] = str(error)
    except ChannelClosedByBroker as error:
        status["error"] = reason_of(error)
    except (AMQPError, OSError) as error:
        status |= {"connection_open": False, "error": reason_of(error)}
    return status
