"""How an agent speaks, whatever carries it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from orchestration.bus.letters import Letter
from orchestration.errors import BrokerError
from orchestration.messages import MessagePriority, MessageType

log = logging.getLogger("rabbitmq_orchestration")


class Mouth(Protocol):
    """How an agent speaks."""

    name: str

    async def send_message(
        self,
        recipient: str,
        message_type: str | MessageType,
        payload: Mapping[str, Any],
        correlation_id: str | None = None,
        priority: int = MessagePriority.NORMAL,
    ) -> str:
        """Send one message."""
        ...

    async def send_letters(self, letters: Sequence[Letter]) -> None:
        """Send several messages as one."""
        ...

    async def send_heartbeat(
        self,
        status: str = "running",
        metrics: Mapping[str, Any] | None = None,
        capabilities: list[str] | None = None,
    ) -> str:
        """Say that it lives."""
        ...

    async def bind(self) -> None:
        """See that what is meant for the agent reaches its queue."""
        ...


@contextmanager
def lenient(agent: str) -> Iterator[None]:
    """Log what the broker refused, and go on: the next message may be another matter."""
    try:
        yield
    except BrokerError as error:
        log.warning("%s: %s", agent, error)
