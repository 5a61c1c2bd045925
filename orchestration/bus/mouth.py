"""How an agent sends its messages, whatever carries them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from orchestration.bus.letters import Letter
from orchestration.errors import BrokerError
from orchestration.messages import MessagePriority, MessageType

log = logging.getLogger("rabbitmq_orchestration")


class Mouth(Protocol):
    """Sends the messages of an agent."""

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
        """Send a heartbeat."""
        ...

    async def bind(self) -> None:
        """Bind the agent's queue, so that its messages reach it."""
        ...


@contextmanager
def lenient(agent: str) -> Iterator[None]:
    """Log a refusal of the broker, and go on: it may take the next message."""
    try:
        yield
    except BrokerError as error:
        log.warning("%s: %s", agent, error)
