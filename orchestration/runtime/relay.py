"""The relay: dispatches leave as Dramatiq messages, and are sent again from their rows if lost."""

import logging
from collections.abc import Callable, Sequence

import pika

from orchestration.bus.publisher import Letter, Publisher, Refusal
from orchestration.ports import Dispatch
from orchestration.runtime.messages import to_message
from orchestration.runtime.names import queue_of
from orchestration.text import counted

log = logging.getLogger(__name__)


class Relay:
    """Publishes dispatches on their agents' queues.

    Args:
        parameters: Yields how to connect; called for each connection.
    """

    def __init__(self, parameters: Callable[[], pika.connection.Parameters]) -> None:
        self._publisher = Publisher(parameters, refused=refused)

    @property
    def is_open(self) -> bool:
        """Whether it can publish now."""
        return self._publisher.is_open

    @property
    def flows(self) -> bool:
        """Whether RabbitMQ confirms messages; True until a publish has stalled."""
        return not self._publisher.is_stalled

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Publish soon; does not wait, and raises nothing."""
        self._publisher.publish(
            [Letter("", queue_of(d.queue), to_message(d).encode(), tag=d) for d in messages]
        )

    def close(self) -> None:
        """Wait a little for unconfirmed messages, and disconnect."""
        self._publisher.close()


def refused(refusals: Sequence[Refusal]) -> None:
    """Log the refused dispatches: each is sent again from its row."""
    number = counted(len(refusals), "dispatch", "dispatches")
    log.warning("relay: %s refused: %s", number, refusals[0].reason)
