"""A connection of one event loop, shared by its agents, and reopened when it is lost."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from pika.adapters.asyncio_connection import AsyncioConnection

from orchestration.bus.address import Address
from orchestration.bus.talk import settle
from orchestration.bus.trouble import unreachable
from orchestration.clock import jitter
from orchestration.errors import BrokerError, ConfigurationError, OrchestrationError

log = logging.getLogger("rabbitmq_orchestration")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 15.0
CLOSING_S = 5.0


class Link:
    """One connection, reopened with growing pauses for as long as any agent uses it.

    Args:
        address: Where to connect.

    Attributes:
        prefix: Precedes the names of the exchange and of queues.
    """

    def __init__(self, address: Address) -> None:
        loop = asyncio.get_running_loop()
        self._address = address
        self.prefix = address.prefix
        self._users = 0
        self._tried = asyncio.Event()
        self._failure: OrchestrationError | None = None
        self._open: asyncio.Future[AsyncioConnection] = loop.create_future()
        self._task = loop.create_task(self._keep_open(), name="rabbitmq-link")

    @property
    def is_open(self) -> bool:
        """Whether it is connected now."""
        return self._open.done()

    async def join(self) -> None:
        """Use the link from now on, once the first attempt to connect is over.

        Raises:
            BrokerError: The last attempt failed; then the link is not used.
            ConfigurationError: It failed because of a file for TLS.
        """
        self._users += 1
        try:
            await self._tried.wait()
        except asyncio.CancelledError:
            await self.leave()
            raise
        if self._failure is not None:
            failure = self._failure
            await self.leave()
            raise failure

    async def leave(self) -> None:
        """Use the link no longer; the last user to leave closes the connection."""
        self._users -= 1
        if self._users == 0:
            forget(self._address, self)  # before it closes: who comes meanwhile needs another
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def connection(self) -> AsyncioConnection:
        """The open connection, however long opening takes."""
        return await asyncio.shield(self._open)

    async def _keep_open(self) -> None:
        try:
            await self._open_again_and_again()
        finally:
            forget(self._address, self)

    async def _open_again_and_again(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
            try:
                await self._use(lost)
                pause_s = FIRST_PAUSE_S
            except (BrokerError, ConfigurationError) as error:
                self._failure = error
                if self._tried.is_set():
                    log.warning("%s; trying again", error)
            self._tried.set()
            await asyncio.sleep(pause_s * (0.5 + jitter()))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _use(self, lost: "asyncio.Future[Exception]") -> None:
        """Connect, and return when the connection is lost.

        Raises:
            BrokerError: It could not be opened.
            ConfigurationError: A file for an encrypted connection is wrong.
        """
        parameters = await asyncio.to_thread(self._address.parameters, "AgentMessageBus")
        opening: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        connection = AsyncioConnection(
            parameters,
            on_open_callback=lambda found: settle(opening, found),
            on_open_error_callback=lambda _found, error: settle(opening, error),
            on_close_callback=lambda _found, reason: settle(lost, reason),
        )
        try:
            outcome = await asyncio.shield(opening)
            if isinstance(outcome, BaseException):
                raise unreachable(outcome, self._address)
            self._failure = None
            self._open.set_result(connection)
            self._tried.set()
            log.debug("connected to %s", self._address.place)
            reason = await asyncio.shield(lost)
            log.warning("the connection to %s is lost: %s", self._address.place, reason)
        finally:
            if self._open.done():
                self._open = asyncio.get_running_loop().create_future()
            await close(connection, opening, lost)


async def close(
    connection: AsyncioConnection,
    opening: "asyncio.Future[Any]",
    lost: "asyncio.Future[Exception]",
) -> None:
    """Close a connection in whatever state it is, within a few seconds."""
    await asyncio.wait((opening,), timeout=CLOSING_S)
    if connection.is_open:
        connection.close()
    if opening.done() and opening.result() is connection:
        await asyncio.wait((lost,), timeout=CLOSING_S)


LINKS: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Address, Link]]" = WeakKeyDictionary()


def link_to(address: Address) -> Link:
    """The link of the running event loop to an address, made where there is none."""
    links = LINKS.setdefault(asyncio.get_running_loop(), {})
    if address not in links:
        links[address] = Link(address)
    return links[address]


def forget(address: Address, link: Link) -> None:
    """Let the next caller of `link_to` with this address get a new link."""
    links = LINKS.get(asyncio.get_running_loop(), {})
    if links.get(address) is link:
        del links[address]
