"""Sends an agent's answers, on the right key, or a failure where one cannot be sent."""

import logging
from typing import Any

from orchestration.bus.command import Command, text
from orchestration.bus.letters import Letter
from orchestration.bus.mouth import Mouth, lenient
from orchestration.clock import new_id
from orchestration.errors import BrokerError, RejectedError
from orchestration.messages import ORCHESTRATORS, STOP_KEY, Envelope, MessagePriority, MessageType

log = logging.getLogger("rabbitmq_orchestration")


class Answers:
    """Answers commands.

    Args:
        bus: Sends the agent's messages.
    """

    def __init__(self, bus: Mouth) -> None:
        self._bus = bus

    async def give(
        self, envelope: Envelope, command: Command, answer: dict[str, Any]
    ) -> dict[str, Any]:
        """Send an answer, or a failure if it cannot be sent; return the one that was sent."""
        same = {
            "command_id": text(envelope.payload, "command_id") or command.id,
            "command": command.name,
            "workflow_id": command.workflow_id,
        }
        answer_on = answer_on_of(envelope, command)
        with lenient(self._bus.name):
            try:
                if answer_on and await self._overtakes(command, {**same, **answer}, answer_on):
                    return answer
                await self._respond_with(command, {**same, **answer})
            except RejectedError as error:
                answer = {"status": "failed", "error": f"the result cannot be sent: {error}"}
                await self._respond_with(command, {**same, **answer})
        return answer

    async def _respond_with(self, command: Command, payload: dict[str, Any]) -> None:
        kind, priority = MessageType.RESPONSE, MessagePriority.HIGH
        await self._bus.send_message(command.sender, kind, payload, command.id, priority)

    async def _overtakes(self, command: Command, payload: dict[str, Any], key: str) -> bool:
        """Answer on a key of its own, ahead of all other messages; False if the broker refuses."""
        letter = Letter(
            recipient=command.sender,
            message_type=MessageType.RESPONSE,
            payload=payload,
            message_id=new_id(),
            correlation_id=command.id,
            priority=MessagePriority.CRITICAL,
            key=key,
        )
        try:
            await self._bus.send_letters([letter])
        except BrokerError as error:
            log.warning("%s: answering on the usual key: %s", self._bus.name, error)
            return False
        return True


def answer_on_of(envelope: Envelope, command: Command) -> str | None:
    """The key on which an acknowledgement overtakes; None: this command has no such key."""
    asked = envelope.payload.get("answer_on") == STOP_KEY and command.sender in ORCHESTRATORS
    return STOP_KEY if asked and command.name == "emergency_stop" else None
