"""How RQ's workers are stopped: waited for, asked once, and their jobs broken off only on request.

No worker is asked to end while one of them is busy, so a stop that is refused leaves them all. A
worker that is asked a second time breaks its job off, so the journal notes each request, in the
same transaction that sends it: no crash and no repetition asks twice. A worker that another process
has asked already, as its hash shows, is not asked at all.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from redis.client import Pipeline
from rq import Queue
from rq.command import send_shutdown_command, send_stop_job_command
from rq.exceptions import InvalidJobOperation, NoSuchJobError

from actors.discovery.controller import await_until
from actors.discovery.journal import Journal
from actors.discovery.rq_worker import ListedWorker, bury, list_workers
from orchestration import Context
from orchestration.text import counted

ENDS_WITHIN = timedelta(seconds=10)
Act = Callable[[ListedWorker], None]
TOLD, STOPPED_JOB, COLD, DEAD = "told:", "stopped job:", "cold:", "dead:"


class Shutdown:
    """One stop of all workers of a queue.

    Args:
        queue: The queue of the workers.
        journal: Notes what was done, also by earlier attempts.
        context: The step that asks.
    """

    def __init__(self, queue: Queue, journal: Journal, context: Context) -> None:
        self._queue = queue
        self._journal = journal
        self._context = context

    def gracefully(self, grace: timedelta) -> list[ListedWorker]:
        """Wait until no worker is busy, ask each once to end, and return the live ones left.

        Dead workers are taken off RQ's lists.

        Args:
            grace: How long workers may take to finish their jobs.

        Raises:
            AbandonedError: The attempt has lost its claim.
        """

        def look() -> Sequence[ListedWorker]:
            busy = [each for each in list_workers(self._queue) if each.alive and each.job]
            if busy:
                self._context.progress(
                    0.3, f"waiting for the jobs of {counted(len(busy), 'worker')}"
                )
            return busy

        busy = await_until(self._context, look, lambda found: not found, grace)
        return list(busy) or self._wait(self._ask, "asked to stop")

    def forcibly(self) -> list[ListedWorker]:
        """Break jobs off, then ask the remaining workers again; return the live ones left.

        Raises:
            AbandonedError: The attempt has lost its claim.
        """
        left = self._wait(self._break_off, "their jobs are broken off")
        return left and self._wait(self._end_cold, "told a second time")

    def _wait(self, act: Act, doing: str) -> list[ListedWorker]:
        def look() -> Sequence[ListedWorker]:
            listed = list_workers(self._queue)
            for worker in listed:
                act(worker)
            if listed:
                self._context.progress(0.5, f"{counted(len(listed), 'worker')} left, {doing}")
            return listed

        left = await_until(self._context, look, lambda found: not found, ENDS_WITHIN)
        for worker in left:
            if not worker.alive:
                self._bury(worker)
        return [worker for worker in left if worker.alive]

    def _ask(self, worker: ListedWorker) -> None:
        if not worker.listening:
            return

        def shut_down(pipeline: Pipeline) -> None:
            if not worker.told:
                send_shutdown_command(pipeline, worker.name)

        self._journal.once(TOLD + worker.identity, worker.as_json(), shut_down)

    def _break_off(self, worker: ListedWorker) -> None:
        self._ask(worker)
        if not worker.job:
            return
        self._journal.note(STOPPED_JOB + worker.job, worker.job)
        with suppress(NoSuchJobError, InvalidJobOperation):  # it has ended meanwhile
            send_stop_job_command(self._queue.connection, worker.job, self._queue.serializer)

    def _end_cold(self, worker: ListedWorker) -> None:
        self._journal.once(
            COLD + worker.identity,
            worker.as_json(),
            lambda pipeline: send_shutdown_command(pipeline, worker.name),
        )

    def _bury(self, worker: ListedWorker) -> None:
        self._journal.note(DEAD + worker.identity, worker.as_json())
        bury(self._queue.connection, worker)
