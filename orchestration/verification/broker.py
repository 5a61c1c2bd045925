"""A stage on a real broker: queues and an exchange of its own in the vhost, behind a cable."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from orchestration.bus import apart
from orchestration.bus.address import Address
from orchestration.bus.agent_bus import AgentMessageBus, send_messages
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.clock import new_id
from orchestration.messages import Envelope, MessageType, compose
from orchestration.runtime.ingress import URGENT, Ingress
from orchestration.runtime.notifier import Notifier
from orchestration.runtime.reach import connected
from orchestration.verification.cable import Cable
from orchestration.verification.stage import (
    AGENT,
    NEWCOMER,
    PATIENCE_S,
    REQUESTER,
    Backstage,
    Ear,
    check,
)

NAME = "orchestrate verify"
HERE = "orchestration_agent"
KEY = "command.orchestration"
HEARD = (MessageType.RESPONSE, MessageType.STATUS_UPDATE, MessageType.ERROR)
EVERYBODY = (REQUESTER, AGENT, NEWCOMER)


class BrokerStage:
    """An orchestrator on RabbitMQ, an agent, a newcomer and a requester.

    Args:
        behind: The orchestrator behind the stage.
        server: The address of the broker itself.
        corner: Its address through the cable, with a prefix for names of the stage's own.
        cable: The cable that orchestrator and agents connect through.
    """

    def __init__(self, behind: Backstage, server: Address, corner: Address, cable: Cable) -> None:
        self.behind = behind
        self.ear = Ear()
        self._server = server
        self._corner = corner
        self._cable = cable
        self._buses = {name: AgentMessageBus(name, corner) for name in EVERYBODY}
        for kind in HEARD:
            self._buses[REQUESTER].on_message(kind)(self._hear)
        self._buses[AGENT].on_command("work")(work)
        self._buses[AGENT].on_command("stall")(stall)

    async def say(
        self, sender: str, kind: MessageType, payloads: Sequence[Mapping[str, Any]]
    ) -> list[str]:
        """Send messages to the orchestrator, and return their ids."""
        same = {"recipient": HERE, "message_type": kind}
        async with asyncio.timeout(PATIENCE_S):
            return await send_messages(
                self._buses[sender], [{**same, "payload": each} for each in payloads]
            )

    async def throw(self, body: bytes) -> None:
        """Send the orchestrator a body that may be no message at all."""
        await asyncio.to_thread(self._throw, body)

    async def cut(self) -> bool:
        """Cut every connection with the broker."""
        check(self._cable.cut(), "nobody was connected when the connections were cut")
        return True

    async def look(self) -> str:
        """Look at the stage's queues and routing keys, and at the orchestrator's real queue.

        Raises:
            CheckFailedError: A key leads to no queue, or the real queue has other arguments.
        """
        return await asyncio.to_thread(self._look)

    @asynccontextmanager
    async def played(self) -> AsyncIterator[None]:
        """Run the orchestrator, the agents and the requester until the block ends."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self._take_down)
            await asyncio.to_thread(self._set_up)
            for part in self._orchestrator():
                part.start()
                stack.push_async_callback(asyncio.to_thread, part.stop)
            await self._buses[NEWCOMER].connect()
            stack.push_async_callback(self._buses[NEWCOMER].disconnect)
            for name in (AGENT, REQUESTER):
                await stack.enter_async_context(served(self._buses[name]))
            yield

    def _orchestrator(self) -> Sequence[Ingress | Notifier]:
        behind, corner = self.behind, self._corner
        connect = partial(apart.connect, corner, NAME)
        claim = VhostClaim(corner.prefix, corner.place)
        where = (behind.engine, behind.app, behind.locks, connect, claim, behind.settings)
        post = partial(apart.ApartPublisher, corner)
        return (
            Ingress(*where, queues=URGENT),
            Ingress(*where),
            Notifier(behind.engine, behind.locks, post),
        )

    async def _hear(self, envelope: Envelope) -> None:
        self.ear.heard.append(envelope)

    def _set_up(self) -> None:
        with apart.connect(self._corner, NAME) as connection:
            apart.set_up(connection)

    def _take_down(self) -> None:
        """Delete everything with the stage's prefix, whichever connection made it."""
        with connected(self._server) as connection:
            apart.take_down(connection, self._corner.prefix, EVERYBODY)

    def _throw(self, body: bytes) -> None:
        with connected(self._server) as connection:
            apart.throw(connection, apart.exchange_of(self._corner), KEY, body)

    def _look(self) -> str:
        at = self.behind.engine.clock.now()
        nobody = compose(new_id(), MessageType.DATA, "verify_nobody", {}, at=at, sender=REQUESTER)
        with connected(self._server) as connection:
            keys = apart.check_routes(connection, apart.exchange_of(self._corner), nobody.encode())
            real = apart.look_at_real_queue(connection)
        return (
            f"connected to {self._server.place}; exchange, queues and {keys} keys are as the setup"
            f" guide says; {real}"
        )


@asynccontextmanager
async def broker_stage(address: Address, behind: Backstage) -> AsyncIterator[BrokerStage]:
    """A stage on a broker, of which nothing is left when the block has ended.

    Raises:
        BrokerError: The broker is away, or refuses us.
    """
    found = address.parameters(NAME)
    async with Cable(found.host, found.port) as cable:
        corner = replace(apart.through(address, cable.here), prefix=f"verify_{new_id()[:12]}_")
        stage = BrokerStage(behind, address, corner, cable)
        async with stage.played():
            yield stage


@asynccontextmanager
async def served(bus: AgentMessageBus) -> AsyncIterator[None]:
    """An agent that answers until the block ends.

    Raises:
        BrokerError: The broker refuses it.
    """
    running = asyncio.create_task(bus.run())
    ready = asyncio.create_task(bus.ready())
    try:
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield
    finally:
        ready.cancel()
        await bus.disconnect()
        await running


async def work(_command: object, _parameters: object) -> dict[str, Any]:
    """A command that the agent completes at once."""
    return {}


async def stall(_command: object, _parameters: object) -> None:
    """A command that the agent never completes."""
    await asyncio.Event().wait()
