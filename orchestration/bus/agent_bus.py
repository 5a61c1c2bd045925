"""The bus as an agent uses it: connect, send messages, answer commands."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeVar

from orchestration import settings
from orchestration.bus.address import Address, address_of
from orchestration.bus.channel import AgentChannel, Outgoing
from orchestration.bus.command import Handler
from orchestration.bus.letters import Letter, check_name, kind_of, seal
from orchestration.bus.link import Link, link_to
from orchestration.bus.service import Listener, Service
from orchestration.clock import SystemClock, new_id
from orchestration.errors import BrokerError, RejectedError
from orchestration.messages import MessagePriority, MessageType

log = logging.getLogger("rabbitmq_orchestration")

ORCHESTRATOR = "orchestration_agent"
WINDOW = 500

H = TypeVar("H", bound=Handler)
L = TypeVar("L", bound=Listener)


class AgentMessageBus:
    """An agent's place on the bus.

    The agents of one event loop that log in alike share a connection; each has a channel. After
    `connect` the bus connects again by itself whenever the connection is lost, and sends what was
    not confirmed.

    Args:
        name: The agent: 1 to 100 letters, digits, `_` or `-`.
        rabbitmq_config: `host`, `port`, `username`, `password`, `virtual_host`, `heartbeat`,
            `blocked_connection_timeout`, `ssl_options`; or the address itself; None: what the
            environment says.

    Raises:
        RejectedError: The name cannot be routed.
        ConfigurationError: A key of the config, or a setting, is wrong.
    """

    def __init__(
        self, name: str, rabbitmq_config: Mapping[str, Any] | Address | None = None
    ) -> None:
        check_name("name", name)
        self.name = name
        self._address = address_of(rabbitmq_config)
        self._user = self._address.user
        self._clock = SystemClock()
        self._handlers: dict[str, Handler] = {}
        self._listeners: dict[MessageType, Listener] = {}
        self._link: Link | None = None
        self._channel: AgentChannel | None = None
        self._service: Service | None = None
        self._served: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._turn = asyncio.Lock()  # to connect and to disconnect

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None and self._link.is_open

    async def connect(self) -> None:
        """Connect, once; from then on the bus reconnects by itself.

        Raises:
            BrokerError: The broker is away, or refuses the login; the message says which.
        """
        async with self._turn:
            if self._link is None:
                link = link_to(self._address)
                await link.join()
                self._link, self._channel = link, AgentChannel(link, self.name)

    async def disconnect(self) -> None:
        """End `run`, wait a little for what is under way, and let go of the connection."""
        async with self._turn:
            if self._service is not None and self._served is not None:
                self._service.stop()
                await asyncio.wait((self._served,))
            link, self._link = self._link, None
            channel, self._channel = self._channel, None
            if channel is not None and link is not None:
                await channel.close()
                await link.leave()

    async def send_message(  # noqa: PLR0913, PLR0917 - written so in the setup guide
        self,
        recipient: str,
        message_type: str | MessageType,
        payload: Mapping[str, Any],
        correlation_id: str | None = None,
        priority: int | Enum = MessagePriority.NORMAL,
        reply_to: str | None = None,
        message_id: str | None = None,
    ) -> str:
        """Send one message, and return its id once the broker has it on disk.

        While there is no connection this waits for the next one; `asyncio.timeout` limits that.

        Args:
            recipient: An agent's name, or `orchestration_agent`.
            message_type: `command`, `response`, `status_update`, `heartbeat`, `error` or `data`.
            payload: The content; a JSON object.
            correlation_id: The id of the message that this one answers.
            priority: 1 (low) to 4 (critical).
            reply_to: The agent that gets the answers instead of this one.
            message_id: Default a new one; a command with a known id starts nothing new.

        Raises:
            RejectedError: The message is wrong; nothing was sent.
            UnroutableError: It is a command, and no queue takes it.
            BrokerError: It is not connected, or the broker refused the message.
        """
        letter = Letter(
            recipient=recipient,
            message_type=message_type,
            payload=payload,
            message_id=message_id or new_id(),
            correlation_id=correlation_id,
            priority=priority,
            reply_to=reply_to,
        )
        await self.send_letters([letter])
        return letter.message_id

    async def send_data(
        self, data_type: str, data: Mapping[str, Any], recipient: str = ORCHESTRATOR
    ) -> str:
        """Send data of a type, and return the message's id; see `send_message`."""
        payload = {"data_type": data_type, "data": data}
        return await self.send_message(recipient, MessageType.DATA, payload)

    async def report_error(
        self,
        error_type: str,
        message: str,
        critical: bool = False,  # noqa: FBT001, FBT002 - written so in the setup guide
        workflow_id: str | None = None,
    ) -> str:
        """Tell the orchestrator of an error, and return the message's id; see `send_message`.

        Args:
            error_type: Its kind, in one word.
            message: What happened.
            critical: Whether it fails the run that it is about.
            workflow_id: That run; None: the one that this agent works for.
        """
        payload = {"error_type": error_type, "error_message": message, "critical": critical}
        if workflow_id is not None:
            payload["workflow_id"] = workflow_id
        priority = MessagePriority.CRITICAL if critical else MessagePriority.HIGH
        return await self.send_message(ORCHESTRATOR, MessageType.ERROR, payload, priority=priority)

    async def send_heartbeat(
        self,
        status: str = "running",
        metrics: Mapping[str, Any] | None = None,
        capabilities: Sequence[str] | None = None,
    ) -> str:
        """Send a heartbeat of this agent, and return the message's id; see `send_message`.

        Args:
            status: How it is.
            metrics: Its measurements, by name.
            capabilities: What the agent can do; None: as it said before.
        """
        payload: dict[str, Any] = {"status": status}
        if metrics is not None:
            payload["metrics"] = metrics
        if capabilities is not None:
            payload["capabilities"] = list(capabilities)
        return await self.send_message(ORCHESTRATOR, MessageType.HEARTBEAT, payload)

    def on_command(self, *names: str) -> Callable[[H], H]:
        """Let a function answer commands of these names.

        The bus calls it as `handler(command, parameters)`. An async function runs in the event
        loop; a plain one runs in a thread, and should read `command.cancelled` now and then. The
        value it returns is the result; an exception it raises is the answer's error.
        `command.results` has the results that the step builds on; `command.configuration` has the
        fleet's configuration, and `command.configuration.set` sets it with the answer. A command
        that is redelivered is not done again: it gets the same answer. A command that is cancelled
        before it begins, or comes a minute after its deadline, is never begun.
        `cancel`, `health_check` and `emergency_stop` are answered without a handler; a handler of
        that name adds to the answer.
        """

        def register(handler: H) -> H:
            self._handlers.update(dict.fromkeys(names, handler))
            return handler

        return register

    def on_message(self, message_type: str | MessageType) -> Callable[[L], L]:
        """Let a function receive messages of another type: it is called with the `Envelope`.

        Raises:
            RejectedError: There is no such type.
        """
        kind = kind_of(message_type)

        def register(listener: L) -> L:
            self._listeners[kind] = listener
            return listener

        return register

    async def run(self) -> None:
        """Answer commands and beat every HEARTBEAT_INTERVAL, until `disconnect`.

        Raises:
            BrokerError: The broker is away at the start, or does not allow it.
        """
        await self.connect()
        if self._channel is None or self._served is not None:
            raise BrokerError(f"{self.name} runs already: call `run` once")
        interval = settings.load().heartbeat_interval
        self._service = Service(self, self._handlers, self._listeners, interval, self._clock)
        self._served = asyncio.create_task(self._serve(self._channel, self._service))
        try:
            await self._served
        finally:
            self._ready.clear()
            self._served.cancel()
            self._service = self._served = None

    async def ready(self) -> None:
        """Wait until `run` consumes: messages sent to this agent from then on reach it."""
        await self._ready.wait()

    async def bind(self) -> None:
        """Bind this agent's queue, so that messages reach it; `run` does so at every beat."""
        if self._channel is not None:
            await self._channel.bind()

    async def send_letters(self, letters: Sequence[Letter]) -> None:
        """Send several messages as one; see `send_messages`.

        Raises:
            RejectedError: One is wrong; nothing was sent.
            BrokerError: It is not connected, or the broker refused a message.
        """
        now = self._clock.now()
        sealed = [seal(letter, self.name, self._user, now) for letter in letters]
        if self._channel is None:
            raise BrokerError(f"{self.name} is not connected: await connect() first")
        for first in range(0, len(sealed), WINDOW):
            await self._publish(self._channel, sealed[first : first + WINDOW])

    async def _publish(self, channel: AgentChannel, messages: Sequence[Outgoing]) -> None:
        await channel.publish(messages)
        for message in messages:
            log.debug("%s sent %s", self.name, message.routing_key)

    async def _serve(self, channel: AgentChannel, service: Service) -> None:
        """Consume, however long the broker is away, and serve; a stop ends either."""
        consuming = asyncio.create_task(channel.consume(service.receive))
        stopped = asyncio.create_task(service.stopped())
        try:
            await asyncio.wait((consuming, stopped), return_when=asyncio.FIRST_COMPLETED)
            if consuming.done():
                consuming.result()
                self._ready.set()
                await service.run()
        finally:
            consuming.cancel()
            stopped.cancel()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.disconnect()


async def send_messages(bus: AgentMessageBus, messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Send many messages with one window of confirms, and return their ids in order.

    Args:
        bus: The sending agent's bus.
        messages: Each with the arguments of `send_message` by name.

    Raises:
        RejectedError: One is wrong; nothing was sent.
        BrokerError: It is not connected, or the broker refused a message.
    """
    letters = []
    for number, message in enumerate(messages):
        try:
            letters.append(Letter(**{"message_id": new_id(), **message}))
        except TypeError as error:
            raise RejectedError(f"message {number}: {error}") from None
    await bus.send_letters(letters)
    return [letter.message_id for letter in letters]
