"""The commands that an agent has and has not answered yet, and what cancels them."""

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from orchestration.bus.command import Command, Handler, Place, place_of, text

MOST_AT_ONCE = 16
MOST_REMEMBERED = 1_000

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Job:
    """A command that was received and is not answered yet.

    Attributes:
        command: The command.
        ended: Set once its handler acts no longer.
    """

    command: Command
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _wait: "asyncio.Future[Any] | None" = None

    async def until_cancelled(self, work: Awaitable[T]) -> T:
        """The result of a piece of work.

        Raises:
            asyncio.CancelledError: The command was cancelled before, or meanwhile.
        """
        self._wait = wait = asyncio.ensure_future(work)
        if self.command.cancelled:
            wait.cancel()
        try:
            return await wait
        finally:
            self._wait = None

    def cancel(self) -> None:
        """Let the handler end as soon as it can."""
        self.command.cancel()
        if self._wait is not None:
            self._wait.cancel()


class Jobs:
    """The commands that an agent has not answered yet: some are at work, the rest wait for room.

    An order to cancel reaches every command received before it, begun or not; a command that it
    names and that has not come yet is cancelled when it comes.
    """

    def __init__(self) -> None:
        self._received: dict[Job, None] = {}
        self._at_work: dict[Place, Job] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, "rabbitmq-command")
        self._unwanted: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, place: object) -> bool:
        """Whether a command is at work."""
        return place in self._at_work

    @property
    def running(self) -> list[str]:
        """The ids of the commands at work."""
        return sorted(job.command.id for job in self._at_work.values())

    def receive(self, command: Command) -> Job:
        """Register a command when it arrives."""
        job = Job(command)
        self._received[job] = None
        if command.id in self._unwanted:
            job.cancel()
        return job

    def end(self, job: Job) -> None:
        """Drop a command whose handler acts no longer."""
        self._received.pop(job, None)
        job.ended.set()

    @asynccontextmanager
    async def room(self, job: Job) -> AsyncIterator[None]:
        """Wait until there is room for a command; a cancelled one needs none."""
        has_room = False
        try:
            has_room = await job.until_cancelled(self._room.acquire())
        except asyncio.CancelledError:
            if not job.command.cancelled:
                raise
        try:
            yield
        finally:
            if has_room:
                self._room.release()

    async def work(self, job: Job, handler: Handler) -> Any:
        """Call a command's handler, and return its value; a plain function runs in a thread.

        A thread cannot be ended: a function in one sees `command.cancelled`, and has ended when it
        returns, not before.

        Raises:
            asyncio.CancelledError: The command was cancelled before, or meanwhile.
        """
        command, place = job.command, place_of(job.command)
        if command.cancelled:
            raise asyncio.CancelledError
        self._at_work[place] = job
        try:
            if inspect.iscoroutinefunction(handler):
                return await job.until_cancelled(handler(command, command.parameters))
            call = partial(copy_context().run, handler, command, command.parameters)
            found = await asyncio.get_running_loop().run_in_executor(self._threads, call)
            return await job.until_cancelled(found) if inspect.isawaitable(found) else found
        finally:
            self._at_work.pop(place, None)

    def close(self) -> None:
        """Let the threads end once their functions return."""
        self._threads.shutdown(wait=False)

    def cancel(self, order: Command) -> list[Job]:
        """Cancel a command, a run, or everything, as an order says; return the cancelled jobs."""
        wanted = order.parameters if order.name == "cancel" else {}
        command_id, run_id = text(wanted, "command_id"), text(wanted, "workflow_id")
        if command_id is not None:
            self._unwanted[command_id] = None
            while len(self._unwanted) > MOST_REMEMBERED:
                self._unwanted.popitem(last=False)
        cancelled = []
        for job in self._received:
            command = job.command
            if command_id in (None, command.id) and run_id in (None, command.workflow_id):
                job.cancel()
                cancelled.append(job)
        return cancelled
