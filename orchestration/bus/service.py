"""An agent at work: it answers commands, sends heartbeats, and reports progress."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

from orchestration.bus.answers import Answers
from orchestration.bus.channel import Incoming
from orchestration.bus.command import (
    Command,
    Handler,
    called,
    command_of,
    is_overdue,
    place_of,
    too_late,
)
from orchestration.bus.jobs import Job, Jobs
from orchestration.bus.memory import Answer, Key, Memory, body_of, used_before, writable
from orchestration.bus.mouth import Mouth, lenient
from orchestration.bus.notes import Notes
from orchestration.errors import MalformedMessageError, RejectedError
from orchestration.logs import about
from orchestration.messages import Envelope, MessageType, parse
from orchestration.ports import Clock

log = logging.getLogger("rabbitmq_orchestration")

Listener = Callable[[Envelope], Any]

ENDING_S = 10.0
ORDERS = ("cancel", "emergency_stop")
BUILT_IN = (*ORDERS, "health_check")


class Service:
    """Works on an agent's commands until it is stopped.

    Args:
        bus: Sends the agent's messages.
        handlers: The agent's functions, by command.
        listeners: The functions that get messages other than commands, by type.
        heartbeat: How often it beats.
        clock: Says whether a command has come in time.
    """

    def __init__(
        self,
        bus: Mouth,
        handlers: Mapping[str, Handler],
        listeners: Mapping[MessageType, Listener],
        heartbeat: timedelta,
        clock: Clock,
    ) -> None:
        self._bus = bus
        self._handlers = handlers
        self._listeners = listeners
        self._heartbeat_s = heartbeat.total_seconds()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._jobs = Jobs()
        self._memory = Memory()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notes = Notes(bus, self._jobs, self._begin)
        self._answers = Answers(bus)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Beat until it is stopped, then let tasks finish, for some seconds."""
        stopping = asyncio.create_task(self._stopping.wait())
        beat: asyncio.Task[None] | None = None
        try:
            while not stopping.done():
                if beat is None or beat.done():
                    beat = self._begin(self._beat())
                await asyncio.wait((stopping,), timeout=self._heartbeat_s)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=ENDING_S)
        finally:
            for task in (stopping, *self._tasks):
                task.cancel()
            await asyncio.gather(stopping, *self._tasks, return_exceptions=True)
            self._jobs.close()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def stopped(self) -> None:
        """Wait until it is stopped."""
        await self._stopping.wait()

    def receive(self, incoming: Incoming) -> None:
        """Take one message from the agent's queue."""
        try:
            envelope = parse(incoming.body)
        except MalformedMessageError as error:
            log.warning("%s: dropped what is no message: %s", self._bus.name, error)
            incoming.ack()
            return
        log.debug("%s: %s %s", self._bus.name, incoming.routing_key, envelope.id)
        if envelope.message_type is MessageType.COMMAND:
            self._take(incoming, envelope)
        else:
            incoming.ack()
            if (listener := self._listeners.get(envelope.message_type)) is not None:
                self._begin(self._tell_listener(listener, envelope))

    def _take(self, incoming: Incoming, envelope: Envelope) -> None:
        """Take a command; an order is obeyed at once, so that no command it cancels begins later.

        A built-in command is obeyed each time: its id may recur where the store is another one.
        """
        command = command_of(envelope, self._notes.take)
        if command.name not in BUILT_IN:
            self._begin(self._serve(incoming, envelope, self._jobs.receive(command)))
            return
        incoming.ack()
        cancelled = self._jobs.cancel(command) if command.name in ORDERS else []
        self._begin(self._answer(envelope, command, self._obey(command, cancelled)))

    async def _beat(self) -> None:
        with lenient(self._bus.name):
            await self._bus.send_heartbeat(capabilities=sorted(self._handlers))
            await self._bus.bind()

    async def _tell_listener(self, listener: Listener, envelope: Envelope) -> None:
        try:
            found = listener(envelope)
            if inspect.isawaitable(found):
                await found
        except Exception:  # the outermost frame of an agent's own code
            log.exception("%s: a listener failed", self._bus.name)

    async def _answer(
        self, envelope: Envelope, command: Command, work: Coroutine[Any, Any, Any]
    ) -> None:
        await self._answers.give(envelope, command, await self._outcome(command, work))

    async def _serve(self, incoming: Incoming, envelope: Envelope, job: Job) -> None:
        """Work on one command, and answer it; one that was answered is only answered again.

        It is acknowledged before the work: its sender decides whether it is tried again.
        """
        command = job.command
        key, body = (envelope.sender, envelope.id), body_of(command)
        try:
            async with self._jobs.room(job):
                incoming.ack()
                if self._memory.is_open(key) and not self._memory.differs(key, body):
                    log.info("%s: it works on %s already", self._bus.name, command.id)
                    return
                answer, lasts = await self._answer_to(job, key, body)
        finally:
            self._jobs.end(job)
        await self._notes.tell(place_of(command))
        answer = await self._answers.give(envelope, command, answer)
        if lasts:
            self._memory.end(key, body, answer)

    async def _answer_to(self, job: Job, key: Key, body: str) -> tuple[Answer, bool]:
        """The answer, and whether a repetition of the command gets the same."""
        if self._memory.differs(key, body):
            return used_before(job.command), False
        if (answer := self._memory.answer(key)) is not None:
            return answer, True
        if is_overdue(job.command, self._clock.now()):
            log.warning("%s: %s came too late", self._bus.name, job.command.id)
            return too_late(job.command), False
        self._memory.begin(key, body)
        answer = writable(await self._outcome(job.command, self._handle(job)))
        # Before it is sent: its receiver may repeat the command before the broker confirms it.
        self._memory.end(key, body, answer)
        return answer, True

    async def _handle(self, job: Job) -> Any:
        handler = self._handlers.get(job.command.name)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise RejectedError(f"unknown command {job.command.name!r}; known commands: {known}")
        return await self._jobs.work(job, handler)

    async def _obey(self, command: Command, cancelled: list[Job]) -> Any:
        """Obey a built-in command; the agent's handler for it, if any, adds to the answer.

        A `cancel` is answered once no command that it names acts any more; a stop is acknowledged
        at once.
        """
        found: dict[str, Any] = {"agent": self._bus.name}
        if command.name in ORDERS:
            ids = list(dict.fromkeys(job.command.id for job in cancelled))
            found |= {"acknowledged": True, "cancelled": ids}
        else:
            found |= {"status": "healthy", "running": self._jobs.running}
        if (handler := self._handlers.get(command.name)) is not None:
            more = await called(handler, command)
            found |= more if isinstance(more, dict) else {}
        if command.name == "cancel":
            for job in cancelled:
                await job.ended.wait()
        return found

    async def _outcome(self, command: Command, work: Coroutine[Any, Any, Any]) -> Answer:
        with about(**command.subject):
            try:
                result = await work
            except asyncio.CancelledError:
                if not command.cancelled:
                    raise
                return {"status": "failed", "error": "cancelled"}
            except Exception as error:  # the outermost frame of an agent's own code
                log.exception("%s: %s failed", self._bus.name, command.name)
                return {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        return {"status": "completed", "result": result, **command.configuration.answer()}

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
