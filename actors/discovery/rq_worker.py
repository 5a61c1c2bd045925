"""RQ's workers as Redis lists them, and which of them are dead."""

from dataclasses import asdict, dataclass

from redis import Redis
from rq import Queue
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.worker import Worker
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

# Each heartbeat of RQ lets the worker's hash live for a minute longer than until the next one is
# due: a hash with less than this left is half a minute late. Redis counts: no clocks are compared.
LEAST_LIFE_S = 30


@dataclass(frozen=True, slots=True)
class ListedWorker:
    """One worker, read from its hash.

    Attributes:
        born: When it registered, as RQ writes it: tells it from a later one of the same name.
        beaten: Its last heartbeat, as RQ writes it.
        job: The id of the job that it does; empty: none.
        told: Whether it was asked, by any process, to finish its job and end.
        listening: Whether a process hears commands to it: the worker, or a job it left behind.
        expires_in: How long it stays listed without a further heartbeat, in seconds; -1: for ever.
    """

    name: str
    host: str
    pid: int
    state: str
    born: str
    beaten: str
    job: str
    queues: tuple[str, ...]
    told: bool
    listening: bool
    expires_in: int

    @property
    def identity(self) -> str:
        """Its name and birth: no other worker has both."""
        return f"{self.name}@{self.born}"

    @property
    def label(self) -> str:
        """Its name, host and process, and what it does, for people."""
        doing = f"job {self.job}" if self.job else self.state
        return f"worker {self.name} on {self.host or 'an unknown host'} (pid {self.pid}): {doing}"

    @property
    def alive(self) -> bool:
        """Whether it is listening, and has not missed a heartbeat."""
        return self.listening and not 0 <= self.expires_in < LEAST_LIFE_S

    def as_json(self) -> dict[str, object]:
        """The worker as it stands in results."""
        found = asdict(self)
        return {key: found[key] for key in ("name", "host", "pid", "born", "beaten", "job")}


def list_workers(queue: Queue) -> list[ListedWorker]:
    """The registered workers of a queue, by name; some may be dead."""
    # RQ's own reading, `Worker.all`, would set the connection's timeout to seven minutes.
    keys = sorted(Worker.all_keys(queue=queue))
    with queue.connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hgetall(key)
            pipeline.pubsub_numsub(PUBSUB_CHANNEL_TEMPLATE % name_of(key))
            pipeline.ttl(key)
        told = pipeline.execute()
    found = zip(keys, told[::3], told[1::3], told[2::3], strict=True)
    return [read(key, fields, heard[0][1], ttl) for key, fields, heard, ttl in found if fields]


def read(key: str, fields: dict[bytes, bytes], listeners: int, expires_in: int) -> ListedWorker:
    """A worker from its hash."""
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    return ListedWorker(
        name=name_of(key),
        host=text.get("hostname", ""),
        pid=int(text.get("pid") or 0),
        state=text.get("state", "unknown"),
        born=text.get("birth", ""),
        beaten=text.get("last_heartbeat", ""),
        job=text.get("current_job", ""),
        queues=tuple(filter(None, text.get("queues", "").split(","))),
        told="shutdown_requested_date" in text,
        listening=listeners > 0,
        expires_in=expires_in,
    )


def bury(redis: Redis, worker: ListedWorker) -> None:
    """Take a dead worker off every list."""
    key = Worker.redis_worker_namespace_prefix + worker.name
    with redis.pipeline() as pipeline:
        pipeline.srem(REDIS_WORKER_KEYS, key)
        for name in worker.queues:
            pipeline.srem(WORKERS_BY_QUEUE_KEY % name, key)
        pipeline.delete(key)
        pipeline.execute()


def name_of(key: str) -> str:
    """The name in a worker's key."""
    return key.removeprefix(Worker.redis_worker_namespace_prefix)
