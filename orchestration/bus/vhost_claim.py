"""One vhost, one store: every connection that consumes claims the vhost for its store.

The claim is a small queue that exists as long as it has a consumer, and whose argument names the
store: RabbitMQ itself refuses a declaration that names another. So only live processes count, and
of two that claim at the same time one is refused.
"""

import logging
import re
from typing import Any

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from orchestration.bus.topology import STORE_QUEUE
from orchestration.errors import OtherStoreError

log = logging.getLogger("rabbitmq_orchestration")

NOT_FOUND, DIFFERENT = 404, 406
MOST_TRIES = 3
CURRENT = re.compile(r"but current is '(?P<store>[^']*)")


def arguments(store: str) -> dict[str, Any]:
    """The arguments of the queue that claims a vhost for a store."""
    return {
        "x-queue-type": "classic",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": store,
    }


class VhostClaim:
    """One process's claim of a vhost for its store.

    Args:
        store: The store's name, the same in each of its processes.
        place: The vhost's address, for people.
    """

    def __init__(self, store: str, place: str) -> None:
        self._store = store
        self._place = place
        self._refusal: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why this process must not consume any more; None: it may."""
        return self._refusal

    def make(self, connection: BlockingConnection) -> None:
        """Claim the vhost for as long as this connection lives.

        If the server forbids the queue, or has it on a node that is down, the fleet works on
        without this check.

        Raises:
            OtherStoreError: Live processes have claimed the vhost for another store.
        """
        for _ in range(MOST_TRIES):
            try:
                self._hold(connection)
            except ChannelClosedByBroker as error:
                if error.reply_code == DIFFERENT and not _drop_leftover(connection):
                    raise self._refused(error.reply_text) from None
                if error.reply_code not in {DIFFERENT, NOT_FOUND}:
                    log.warning("nobody sees whether one store is used: %s", error.reply_text)
                    return
            else:
                return
        log.warning("nobody sees whether one store is used: %s is not to be had", STORE_QUEUE)

    def _hold(self, connection: BlockingConnection) -> None:
        channel = connection.channel()
        wanted = arguments(self._store)
        channel.queue_declare(STORE_QUEUE, durable=True, auto_delete=True, arguments=wanted)
        channel.basic_consume(STORE_QUEUE, ignore, auto_ack=True)

    def _refused(self, text: str) -> OtherStoreError:
        error = OtherStoreError(self._place, self._store, claimed_by(text))
        self._refusal = str(error)
        return error


def claimed_by(text: str) -> str:
    """The store named in the server's refusal of a claim; the server cuts long texts."""
    found = CURRENT.search(text)
    return found["store"] if found else text


def ignore(*_delivery: object) -> None:
    """Ignore a delivery: no message is meant for this queue."""


def _drop_leftover(connection: BlockingConnection) -> bool:
    """Delete a claim without consumers: a server that ends before them leaves it behind."""
    try:
        connection.channel().queue_delete(STORE_QUEUE, if_unused=True)
    except ChannelClosedByBroker:
        return False
    return True
