"""Acknowledge a message from inside its actor: after the claim, long before the work is done."""

import threading
from contextlib import suppress
from typing import Any

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.errors import BrokerConnectionError
from dramatiq.middleware import Middleware
from typing_extensions import override

from orchestration import failpoints
from orchestration.failpoints import Failpoint

_current = threading.local()


class CurrentMessage(Middleware):
    """Remembers, for each worker thread, the message that it processes."""

    @override
    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        _current.message = message

    @override
    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        _current.message = None


def acknowledge() -> None:
    """Acknowledge the message of this thread now; Dramatiq's own acknowledgement is dropped.

    If the connection is gone, the broker delivers the message again, and the claim refuses it.
    """
    message = _current.message
    failpoints.reach(Failpoint.ACKNOWLEDGING)
    with suppress(BrokerConnectionError):
        vars(message)["delivered_by"].ack(message)
    failpoints.reach(Failpoint.ACKNOWLEDGED)


def give_back() -> None:
    """Let the broker deliver the message of this thread again, to any free consumer."""
    message = _current.message
    with suppress(BrokerConnectionError):
        vars(message)["delivered_by"].give_back(message)


def keep() -> None:
    """Leave the message of this thread unacknowledged: the broker gives it to another process."""
    vars(_current.message)["settled"] = True
