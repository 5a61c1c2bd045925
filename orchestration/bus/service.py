"""An agent at work: it answers commands, beats, and tells its progress."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestration.bus.answers import Answers
from orchestration.bus.command import (
    Command,
    Handler,
    Place,
    called,
    command_of,
    place_of,
    text,
)
from orchestration.bus.line import Incoming
from orchestration.bus.memory import Memory, body_of, used_before, writable
from orchestration.bus.mouth import Mouth, lenient
from orchestration.bus.notes import Notes
from orchestration.errors import MalformedMessageError, RejectedError
from orchestration.logs import about
from orchestration.messages import Envelope, MessageType, parse

log = logging.getLogger("rabbitmq_orchestration")

Listener = Callable[[Envelope], Any]

MOST_AT_ONCE = 16
ENDING_S = 10.0
BUILT_IN = ("cancel", "health_check", "emergency_stop")


@dataclass(slots=True)
class _Job:
    command: Command
    work: "asyncio.Future[Any] | None" = None


class Service:
    """Works on an agent's commands until it is stopped.

    Args:
        bus: How the agent speaks.
        handlers: What it can do, by name.
        listeners: Who hears what is no command, by message type.
        heartbeat: How often it beats.
    """

    def __init__(
        self,
        bus: Mouth,
        handlers: Mapping[str, Handler],
        listeners: Mapping[MessageType, Listener],
        heartbeat: timedelta,
    ) -> None:
        self._bus = bus
        self._handlers = handlers
        self._listeners = listeners
        self._heartbeat_s = heartbeat.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._jobs: dict[Place, _Job] = {}
        self._memory = Memory()
        self._tasks: set[asyncio.Task[None]] = set()
        self._notes = Notes(bus, self._jobs, self._begin)
        self._answers = Answers(bus)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Beat until it is stopped, then let what is under way finish, for some seconds."""
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

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

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
            self._begin(self._serve(incoming, envelope))
        else:
            incoming.ack()
            if (listener := self._listeners.get(envelope.message_type)) is not None:
                self._begin(self._tell_listener(listener, envelope))

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

    async def _serve(self, incoming: Incoming, envelope: Envelope) -> None:
        """Work on one command, and answer it; one that was answered is only answered again.

        What is built in is done each time: its ids begin again where the store is another one.
        It is acknowledged before the work: whoever asked decides whether it is tried again.
        """
        command = command_of(envelope, self._notes.take)
        if command.name in BUILT_IN:
            incoming.ack()
            await self._answers.give(envelope, command, await self._work(command, self._obey))
            return
        key, body = (envelope.sender, envelope.id), body_of(command)
        async with self._room:
            incoming.ack()
            if self._memory.differs(key, body):
                await self._answers.give(envelope, command, used_before(command))
                return
            if self._memory.is_open(key):
                log.info("%s: it works on %s already", self._bus.name, command.id)
                return
            answer = self._memory.answer(key)
            if answer is None:
                self._memory.begin(key, body)
                answer = writable(await self._work(command, self._handle))
                # Before it is sent: who has heard it may ask again before the broker confirms it.
                self._memory.end(key, body, answer)
        await self._notes.tell(place_of(command))
        self._memory.end(key, body, await self._answers.give(envelope, command, answer))

    async def _work(
        self, command: Command, act: Callable[[_Job], Awaitable[Any]]
    ) -> dict[str, Any]:
        with about(**command.subject):
            return await self._outcome(_Job(command), act)

    async def _handle(self, job: _Job) -> Any:
        handler = self._handlers.get(job.command.name)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            raise RejectedError(f"unknown command {job.command.name!r}; known commands: {known}")
        place = place_of(job.command)
        self._jobs[place] = job
        try:
            job.work = asyncio.ensure_future(called(handler, job.command))
            return await job.work
        finally:
            self._jobs.pop(place, None)

    async def _obey(self, job: _Job) -> Any:
        """Do what every agent can; a handler of its own adds to that."""
        command = job.command
        found: dict[str, Any] = {"agent": self._bus.name}
        if command.name == "health_check":
            running = sorted(job.command.id for job in self._jobs.values())
            found |= {"status": "healthy", "running": running}
        else:
            found |= {"acknowledged": True, "cancelled": self._cancel(command)}
        if (handler := self._handlers.get(command.name)) is not None:
            more = await called(handler, command)
            found |= more if isinstance(more, dict) else {}
        return found

    def _cancel(self, order: Command) -> list[str]:
        """Cancel what an order names: a command, a run, or everything."""
        wanted = order.parameters if order.name == "cancel" else {}
        cancelled = []
        for job in list(self._jobs.values()):
            command_id, run_id = text(wanted, "command_id"), text(wanted, "workflow_id")
            named = command_id in (None, job.command.id) and run_id in (
                None,
                job.command.workflow_id,
            )
            if named:
                job.command.cancel()
                if job.work is not None:
                    job.work.cancel()
                cancelled.append(job.command.id)
        return cancelled

    async def _outcome(self, job: _Job, act: Callable[[_Job], Awaitable[Any]]) -> dict[str, Any]:
        try:
            result = await act(job)
        except asyncio.CancelledError:
            if not job.command.cancelled:
                raise
            return {"status": "failed", "error": "cancelled"}
        except Exception as error:  # the outermost frame of an agent's own code
            log.exception("%s: %s failed", self._bus.name, job.command.name)
            return {"status": "failed", "error": f"{type(error).__name__}: {error}"}
        return {"status": "completed", "result": result, **job.command.configuration.answer()}

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
