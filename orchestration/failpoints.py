"""Failpoints: the named moments at which a crash could matter, for tests to crash at.

Wherever the code commits, publishes or acknowledges, it calls `reach`. In production that is a
function that does nothing, and no setting changes it. A test listens with `listen`, and may kill
its process there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any


class Failpoint(StrEnum):
    """A moment that the code has reached; see `MEANINGS`.

    The listener's `about` is the operation, if there is one; see `name_of`.
    """

    DECIDED = "decided"
    COMMITTING = "committing"
    COMMITTED = "committed"
    TOLD = "told"
    SENT = "sent"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    CONFIRMED = "confirmed"
    FORGETTING = "forgetting"
    ACKNOWLEDGING = "acknowledging"
    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    TAKEN = "taken"


MEANINGS = {
    Failpoint.DECIDED: "an operation has written all its rows, in a transaction that goes on",
    Failpoint.COMMITTING: "all of a transaction is decided; COMMIT is next, with what is unsent",
    Failpoint.COMMITTED: "COMMIT has returned; the write lock is held, and nobody knows yet",
    Failpoint.TOLD: "who wanted it committed knows; its messages have not left",
    Failpoint.SENT: "its messages are given to the transport",
    Failpoint.PUBLISHING: "a message is about to be written to RabbitMQ's connection",
    Failpoint.PUBLISHED: "it is written there, and not confirmed",
    Failpoint.CONFIRMED: "RabbitMQ has confirmed it; its row is still there",
    Failpoint.FORGETTING: "rows of what is confirmed are about to be deleted",
    Failpoint.ACKNOWLEDGING: "a worker is about to acknowledge a message whose claim is decided",
    Failpoint.ACKNOWLEDGED: "a worker has acknowledged it, and has done nothing of its work",
    Failpoint.ACCEPTED: "a batch from the exchange is committed, and not acknowledged",
    Failpoint.TAKEN: "a batch from the exchange is acknowledged",
}

Listener = Callable[..., None]


def nobody(_point: Failpoint, _about: Any = None) -> None:
    """Do nothing: the listener of production."""


reach: Listener = nobody


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call a listener at every failpoint that this process reaches, until the block ends."""
    before = reach
    listen(listener)
    try:
        yield
    finally:
        listen(before)


def listen(listener: Listener) -> None:
    """Call a listener at every failpoint that this process reaches from now on."""
    global reach  # noqa: PLW0603 - the one switch, so that being off costs nothing
    reach = listener


def name_of(operation: Any) -> str:
    """The name of an operation: that of the method or function that it comes from."""
    while hasattr(operation, "func"):
        operation = operation.func
    path = getattr(operation, "__qualname__", type(operation).__name__).split(".")
    names = [part for part in path if not part.startswith("<")]
    return names[-1].strip("_") if names else "operation"
