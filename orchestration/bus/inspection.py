"""Questions about the orchestrator's queue that an ordinary connection can ask."""

from dataclasses import dataclass

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from orchestration.bus import topology
from orchestration.bus.vhost_claim import arguments, claimed_by

NOT_FOUND, DIFFERENT = 404, 406


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue at one moment."""

    depth: int
    consumers: int


class Inspection:
    """Questions about one vhost.

    Args:
        connection: The connection that asks.
    """

    def __init__(self, connection: BlockingConnection) -> None:
        self._connection = connection

    def queue(self, name: str = topology.QUEUE) -> QueueState | None:
        """How many ready messages and consumers a queue has; None: there is no such queue."""
        try:
            found = self._connection.channel().queue_declare(name, passive=True).method
        except ChannelClosedByBroker as error:
            if error.reply_code == NOT_FOUND:
                return None
            raise
        return QueueState(found.message_count, found.consumer_count)

    def purge(self, name: str) -> int:
        """Drop every ready message of a queue, and return how many there were."""
        return int(self._connection.channel().queue_purge(name).method.message_count)

    def inequivalence(self) -> str | None:
        """The server's objection to our queue's arguments, or None; the queue must exist."""
        try:
            self._connection.channel().queue_declare(
                topology.QUEUE, durable=True, arguments=topology.QUEUE_ARGUMENTS
            )
        except ChannelClosedByBroker as error:
            if error.reply_code == DIFFERENT:
                return str(error.reply_text)
            raise
        return None

    def rival(self, store: str) -> str | None:
        """The other store for which live processes have claimed the vhost; None: there is none."""
        state = self.queue(topology.STORE_QUEUE)
        if state is None or state.consumers == 0:
            return None
        channel, wanted = self._connection.channel(), arguments(store)
        try:
            channel.queue_declare(
                topology.STORE_QUEUE, durable=True, auto_delete=True, arguments=wanted
            )
        except ChannelClosedByBroker as error:
            if error.reply_code == DIFFERENT:
                return claimed_by(error.reply_text)
            raise
        return None

    def declare(self) -> None:
        """Declare and bind everything that the orchestrator consumes from."""
        topology.declare(self._connection.channel())
