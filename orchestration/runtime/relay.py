"""The relay: dispatches leave as Dramatiq messages, and are sent again from their rows if lost."""

import logging
from collections.abc import Callable, Sequence

import pika

from orchestration.bus.publisher import Letter, Publisher, Refusal
from orchestration.ports import Dispatch
from orchestration.runtime.messages import to_message
from orchestration.runtime.names import queue_of

log = logging.getLogger(__name__)


class Relay:
    """Publishes dispatches on their agents' queues.

    Args:
        parameters: How to connect; asked at each connection.
    """

    def __init__(self, parameters: Callable[[], pika.connection.Parameters]) -> None:
        self._publisher = Publisher(parameters, refused=refused)

    @property
    def is_open(self) -> bool:
        """Whether it can publish now."""
        return self._publisher.is_open

    @property
    def flows(self) -> bool:
        """Whether RabbitMQ confirms what it is given, as far as anybody has tried."""
        return not self._publisher.is_stalled

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Publish soon, without waiting and without raising."""
        self._publisher.publish(
            [Letter("", queue_of(d.queue), to_message(d).encode(), tag=d) for d in messages]
        )

    def close(self) -> None:
        """Wait a little for what is under way, and disconnect."""
        self._publisher.close()


def refused(refusals: Sequence[Refusal]) -> None:
    """Leave it to the rows, from which a lost dispatch is sent again."""
    log.warning("relay: %d dispatches were refused: %s", len(refusals), refusals[0].reason)
