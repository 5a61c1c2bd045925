"""Sends an agent's progress: of several reports in a short time only the last one."""

import asyncio
from collections.abc import Callable, Container, Coroutine
from typing import Any

from orchestration.bus.command import Command, Place, place_of
from orchestration.bus.mouth import Mouth, lenient
from orchestration.messages import MessageType

EVERY_S = 0.1

Begin = Callable[[Coroutine[Any, Any, None]], object]


class Notes:
    """Progress reports of the commands at work.

    Args:
        bus: Sends the agent's messages.
        at_work: The places of those commands; for others no report is sent.
        begin: Begins a task in the background.
    """

    def __init__(self, bus: Mouth, at_work: Container[Place], begin: Begin) -> None:
        self._bus = bus
        self._at_work = at_work
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._kept: dict[Place, tuple[Command, float, str]] = {}

    def take(self, command: Command, fraction: float, message: str) -> None:
        """Take a report, from any thread, to be sent soon."""
        self._loop.call_soon_threadsafe(self._keep, command, fraction, message)

    async def tell(self, place: Place) -> None:
        """Send the last report of a command, if it is not sent yet."""
        if (note := self._kept.pop(place, None)) is None:
            return
        command, fraction, message = note
        payload = {
            "workflow_id": command.workflow_id,
            "step": command.step,
            "progress": fraction,
            "message": message,
        }
        with lenient(self._bus.name):
            kind = MessageType.STATUS_UPDATE
            await self._bus.send_message(command.sender, kind, payload, command.id)

    def _keep(self, command: Command, fraction: float, message: str) -> None:
        place = place_of(command)
        if command.workflow_id is None or place not in self._at_work:
            return
        if place not in self._kept:
            self._loop.call_later(EVERY_S, lambda: self._begin(self.tell(place)))
        self._kept[place] = (command, fraction, message)
