"""The commands that an agent has and has not answered yet, and what cancels them."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from orchestration.bus.command import Command, Place, place_of, text

MOST_AT_ONCE = 16
MOST_REMEMBERED = 1_000

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Job:
    """A command that was received and is not answered yet.

    Attributes:
        command: What is asked.
    """

    command: Command
    _wait: "asyncio.Future[Any] | None" = None

    async def until_cancelled(self, work: Awaitable[T]) -> T:
        """What a piece of work gives.

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
        """Let it end as soon as it can."""
        self.command.cancel()
        if self._wait is not None:
            self._wait.cancel()


class Jobs:
    """All that an agent was asked and has not answered: some it works on, the rest waits for room.

    An order reaches whatever was received before it, begun or not; what it names and has not come
    yet is remembered, and cancelled when it comes.
    """

    def __init__(self) -> None:
        self._received: dict[Job, None] = {}
        self._at_work: dict[Place, Job] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._unwanted: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, place: object) -> bool:
        """Whether a command is worked on."""
        return place in self._at_work

    @property
    def running(self) -> list[str]:
        """The ids of the commands that are worked on."""
        return sorted(job.command.id for job in self._at_work.values())

    def receive(self, command: Command) -> Job:
        """Take a command, the moment that it comes."""
        job = Job(command)
        self._received[job] = None
        if command.id in self._unwanted:
            job.cancel()
        return job

    def forget(self, job: Job) -> None:
        """Drop what ended."""
        self._received.pop(job, None)

    @asynccontextmanager
    async def room(self, job: Job) -> AsyncIterator[None]:
        """Wait until there is room for a command; what is cancelled needs none."""
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

    async def work(self, job: Job, work: Awaitable[T]) -> T:
        """What a piece of work gives for a command.

        Raises:
            asyncio.CancelledError: The command was cancelled before, or meanwhile.
        """
        place = place_of(job.command)
        self._at_work[place] = job
        try:
            return await job.until_cancelled(work)
        finally:
            self._at_work.pop(place, None)

    def cancel(self, order: Command) -> list[str]:
        """Cancel what an order names: a command, a run, or everything. The ids of what is."""
        wanted = order.parameters if order.name == "cancel" else {}
        command_id, run_id = text(wanted, "command_id"), text(wanted, "workflow_id")
        if command_id is not None:
            self._unwanted[command_id] = None
            while len(self._unwanted) > MOST_REMEMBERED:
                self._unwanted.popitem(last=False)
        cancelled: dict[str, None] = {}
        for job in self._received:
            command = job.command
            if command_id in (None, command.id) and run_id in (None, command.workflow_id):
                job.cancel()
                cancelled[command.id] = None
        return list(cancelled)
