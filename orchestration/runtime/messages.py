"""Dispatches as Dramatiq messages: an agent's actor has the name of its queue."""

from collections.abc import Sequence

import dramatiq
from dramatiq import Message

from orchestration.ports import Dispatch
from orchestration.runtime.names import queue_of


def to_message(dispatch: Dispatch) -> "Message[None]":
    """The message that lets a worker claim an attempt."""
    args = (dispatch.run_id, dispatch.step, dispatch.branch, dispatch.attempt, dispatch.alone)
    queue = queue_of(dispatch.queue)
    return Message(queue_name=queue, actor_name=queue, args=args, kwargs={}, options={})


class StubRelay:
    """Sends within this process.

    Args:
        broker: The broker whose queues take the messages.
    """

    flows = True

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker

    def send(self, messages: Sequence[Dispatch]) -> None:
        """Put each dispatch on its agent's queue."""
        for dispatch in messages:
            self._broker.enqueue(to_message(dispatch))

    def close(self) -> None:
        """Do nothing: nothing is under way."""
