"""The control of discovery's workers if they are RQ's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from redis import Redis, RedisError
from rq import Queue
from rq.job import Job, JobStatus
from rq.suspension import is_suspended, resume, suspend

from actors.discovery import jobs, rq_jobs
from actors.discovery.controller import Answer, Facts, await_until
from actors.discovery.errors import (
    AlreadyRestartingError,
    ServiceError,
    WorkersBusyError,
)
from actors.discovery.journal import Journal
from actors.discovery.rq_shutdown import DEAD, STOPPED_JOB, TOLD, Shutdown
from actors.discovery.rq_worker import ListedWorker, list_workers
from actors.discovery.service import Service, service_of
from actors.errors import AbandonedError, require_wanted
from orchestration import Context
from orchestration.text import counted

__all__ = ["RqController", "service_of"]

# The suspension expires by itself, in case no process is left to end it.
SUSPENDED_FOR = timedelta(minutes=15)
COMES_WITHIN = timedelta(minutes=1)
PROBED_WITHIN = timedelta(minutes=1)
PROBE_KEPT = timedelta(hours=1)
CALL_S = 10.0
ENDED = (JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED)


class RqController:
    """Controls the RQ workers of one queue.

    Args:
        url: The address of their Redis server.
        queue: The queue that they serve.
        service: Starts them.
    """

    def __init__(self, url: str, queue: str, service: Service) -> None:
        self._url = url
        self._name = queue
        self._service = service

    def stop(self, context: Context, *, force: bool, grace: timedelta) -> Answer:
        """Suspend RQ, wait until no worker has a job, and ask each once to end.

        If a worker is still busy after the grace, none of them has been asked. The suspension is
        RQ's own and concerns every queue of its server; whatever fails ends it, or its time does.

        Raises:
            AlreadyRestartingError: Another run restarts discovery.
            WorkersBusyError: Some workers are still busy; RQ is resumed.
            AbandonedError: The attempt has lost its claim.
        """
        with self._queue() as queue:
            journal = Journal(queue.connection, context.workflow_id)
            if (owner := journal.reserve(grace + SUSPENDED_FOR)) != context.workflow_id:
                raise AlreadyRestartingError(owner)
            try:
                suspend(queue.connection, ttl=int((grace + SUSPENDED_FOR).total_seconds()))
                self._shut_down(Shutdown(queue, journal, context), force=force, grace=grace)
            except AbandonedError:
                raise  # the next attempt goes on, or the undo resumes RQ
            except BaseException:
                with suppress(RedisError):  # still away: the first error tells more
                    journal.release(resume)  # a failed step is not undone
                raise
            return {
                "controller": "rq",
                "queue": self._name,
                "stopped": journal.begin_with(TOLD),
                "stopped_jobs": journal.begin_with(STOPPED_JOB),
                "dead": journal.begin_with(DEAD),
            }

    def resume(self, context: Context) -> Answer:
        """Let RQ's workers take jobs again, unless another run has suspended them since."""
        with self._queue() as queue:
            journal = Journal(queue.connection, context.workflow_id)
            return {"controller": "rq", "resumed": journal.release(resume)}

    def clear(self, context: Context) -> Answer:
        """Delete the waiting and the abandoned jobs; count them before and after.

        Raises:
            AbandonedError: The attempt has lost its claim.
        """

        def go_on(place: str) -> None:
            require_wanted(context)
            done = rq_jobs.CLEARED.index(place) / len(rq_jobs.CLEARED)
            context.progress(done, f"clearing {place} jobs")

        with self._queue() as queue:
            journal = Journal(queue.connection, context.workflow_id)
            found = {"jobs": rq_jobs.count_jobs(queue), "ids": rq_jobs.name_jobs(queue)}
            found = journal.note("found", found)  # as the first attempt found it
            rq_jobs.clear(queue, go_on)
            after = rq_jobs.count_jobs(queue)
            return {
                "controller": "rq",
                "queue": self._name,
                "jobs": {
                    place: {"before": before, "after": after[place]}
                    for place, before in found["jobs"].items()
                },
                "cleared": list(rq_jobs.CLEARED),
                "kept": list(rq_jobs.KEPT),
                "removed_ids": found["ids"],
            }

    def restart(self, context: Context, stopped: Answer) -> Answer:
        """Resume RQ, have workers started, and give them a job to prove themselves.

        Raises:
            ServiceError: No worker started, or fewer than were stopped, or the job was not done.
            AbandonedError: The attempt has lost its claim.
        """
        with self._queue() as queue:
            journal = Journal(queue.connection, context.workflow_id)
            # A worker that starts while RQ is suspended ends at once.
            journal.release(resume)
            answer = self._service.start(context, journal)
            expected = max(1, len(stopped["stopped"]) if self._service.all_return else 1)
            context.progress(
                0.2, f"waiting for {counted(expected, 'worker')}: {self._service.advice}"
            )
            workers = self._await_workers(context, queue, stopped, expected)
            context.progress(0.6, f"trying one of {counted(len(workers), 'worker')}")
            probe = self._probe(context, queue)
            journal.close()
            return {
                "controller": "rq",
                "queue": self._name,
                **answer,
                "expected": expected,
                "workers": [worker.as_json() for worker in workers],
                "probe": probe,
            }

    def look(self) -> Facts:
        """Count the workers that would take a job.

        Raises:
            ServiceError: There is no such worker, or RQ is suspended.
        """
        with self._queue() as queue:
            if is_suspended(queue.connection):
                raise ServiceError("RQ is suspended: `rq resume` lets its workers take jobs again")
            living = [each for each in list_workers(queue) if is_living(each)]
            if not living:
                raise ServiceError(f"no RQ worker serves {self._name}: {self._service.advice}")
            return {"controller": "rq", "workers": len(living), "queued": queue.count}

    def _shut_down(self, shutdown: Shutdown, *, force: bool, grace: timedelta) -> None:
        left = shutdown.gracefully(grace)
        if left and force:
            left = shutdown.forcibly()
        if left:
            busy = any(worker.job for worker in left)
            advice = advice_for(hopeless=force or not busy)
            raise WorkersBusyError([worker.label for worker in left], advice)

    def _await_workers(
        self, context: Context, queue: Queue, stopped: Answer, expected: int
    ) -> Sequence[ListedWorker]:
        before = {f"{each['name']}@{each['born']}" for each in stopped["stopped"]}

        def look() -> Sequence[ListedWorker]:
            listed = list_workers(queue)
            return [each for each in listed if is_living(each) and each.identity not in before]

        found = await_until(context, look, lambda new: len(new) >= expected, COMES_WITHIN)
        if len(found) < expected:
            came = f"{len(found)} of {expected} workers" if found else "no worker"
            raise ServiceError(
                f"{came} came to the queue {self._name} within {COMES_WITHIN}:"
                f" {self._service.advice}"
            )
        return found

    def _probe(self, context: Context, queue: Queue) -> Answer:
        """Have one job done; a repeated step waits for the same one."""
        name = f"probe-{context.workflow_id}"
        job = queue.fetch_job(name)
        if job is None or job.get_status() in ENDED[1:]:
            job = queue.enqueue(
                jobs.probe,
                job_id=name,
                at_front=True,
                job_timeout=int(PROBED_WITHIN.total_seconds()),
                result_ttl=int(PROBE_KEPT.total_seconds()),
                failure_ttl=int(PROBE_KEPT.total_seconds()),
            )

        def look() -> tuple[JobStatus]:
            return (job.get_status(),)

        (status,) = await_until(context, look, lambda now: now[0] in ENDED, PROBED_WITHIN)
        job.refresh()
        if status is not JobStatus.FINISHED:
            raise ServiceError(f"the probe job {name} is {status.value}, {why(job)}")
        return {"job": name, "status": status.value, "worker": job.worker_name}

    @contextmanager
    def _queue(self) -> Iterator[Queue]:
        redis = Redis.from_url(self._url, socket_timeout=CALL_S)
        with redis:
            yield rq_jobs.queue_of(self._name, redis)


def is_living(worker: ListedWorker) -> bool:
    """Whether a worker is there to take jobs."""
    return worker.alive and not worker.told


def advice_for(*, hopeless: bool) -> str:
    """What to do about workers that do not stop."""
    if hopeless:
        return "They answer nothing: end these processes on their hosts, then repeat"
    return (
        "None was told to end, and RQ is resumed;"
        " repeat when they are done, or with force_stop=true to break the jobs off"
    )


def why(job: Job) -> str:
    """Why a probe was not done, in one line."""
    result = job.latest_result()
    if result is None or not result.exc_string:
        return "and says nothing about it: see the workers' logs"
    return result.exc_string.strip().rpartition("\n")[2]
