"""An agent that keeps the messages it receives, and scenarios with a time limit."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

from orchestration import AgentMessageBus
from orchestration.messages import Envelope

PATIENCE_S = 20.0


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await scenario()

    asyncio.run(limited())


class Hearing:
    """A running agent that keeps the messages it receives."""

    def __init__(self, name: str) -> None:
        self.bus = AgentMessageBus(name)
        self.heard: asyncio.Queue[Envelope] = asyncio.Queue()
        for kind in ("response", "status_update", "data", "error"):
            self.bus.on_message(kind)(self.heard.put)

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.bus.run())
        await self.bus.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bus.disconnect()
        await self.running
