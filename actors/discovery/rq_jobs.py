"""The jobs of an RQ queue, wherever RQ keeps them."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.registry import BaseRegistry, StartedJobRegistry
from rq.serializers import DefaultSerializer

CLEARED = ("queued", "taken", "scheduled", "deferred", "started")
KEPT = ("failed", "finished", "canceled")  # no worker runs these; people may want to see them
MOST_NAMED = 100


class Unread:
    """Writes jobs as RQ does, and reads nothing that one holds: unpickling runs code."""

    @staticmethod
    def dumps(value: Any) -> bytes:
        """A value as RQ's workers read it."""
        return DefaultSerializer.dumps(value)

    @staticmethod
    def loads(_data: bytes) -> dict[str, Any]:
        """Nothing."""
        return {}


def queue_of(name: str, redis: Redis) -> Queue:
    """A queue whose jobs are counted, deleted and asked for their status, and not unpickled."""
    return Queue(name, connection=redis, serializer=Unread)


def count_jobs(queue: Queue) -> dict[str, int]:
    """The number of jobs in each state."""
    found = {"queued": queue.count, "taken": len(queue.intermediate_queue.get_job_ids())}
    return found | {name: each.get_job_count(cleanup=False) for name, each in registries(queue)}


def name_jobs(queue: Queue) -> list[str]:
    """The ids of the first hundred jobs that `clear` would remove."""
    ids = [*queue.get_job_ids(0, MOST_NAMED), *queue.intermediate_queue.get_job_ids()]
    for name, registry in registries(queue):
        if name in CLEARED:
            ids += registry.get_job_ids(0, MOST_NAMED, cleanup=False)
    return ids[:MOST_NAMED]


def clear(queue: Queue, go_on: Callable[[str], None]) -> None:
    """Remove every waiting or abandoned job; `go_on` is called with each state before it."""
    go_on("queued")
    queue.empty()
    go_on("taken")
    taken = queue.intermediate_queue
    for job_id in taken.get_job_ids():
        delete(queue, job_id)
        taken.remove(job_id)
    for name, registry in registries(queue):
        if name in CLEARED:
            go_on(name)
            empty(queue, registry)


def empty(queue: Queue, registry: BaseRegistry) -> None:
    """Delete the jobs of a registry, and its entries."""
    for job_id in registry.get_job_ids(cleanup=False):
        delete(queue, job_id)
        if not isinstance(registry, StartedJobRegistry):
            registry.remove(job_id)
    if isinstance(registry, StartedJobRegistry):  # its entries name executions, not jobs
        queue.connection.delete(registry.key)


def delete(queue: Queue, job_id: str) -> None:
    """Delete a job, if it is still there."""
    with suppress(NoSuchJobError):
        Job.fetch(job_id, connection=queue.connection, serializer=queue.serializer).delete()


def registries(queue: Queue) -> Iterable[tuple[str, BaseRegistry]]:
    """Every registry of a queue, by the name of its jobs' state."""
    return (
        ("scheduled", queue.scheduled_job_registry),
        ("deferred", queue.deferred_job_registry),
        ("started", queue.started_job_registry),
        ("failed", queue.failed_job_registry),
        ("finished", queue.finished_job_registry),
        ("canceled", queue.canceled_job_registry),
    )
