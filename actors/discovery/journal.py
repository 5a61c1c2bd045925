"""The journal of a restart: what it has done already, kept in Redis beside the workers."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq.utils import as_text

KEPT = timedelta(days=7)
KEPT_WHEN_DONE = timedelta(hours=1)
OWNER = "orchestration:restart"


class Journal:
    """Notes of one run: each is written once, whichever attempt or process writes it.

    Args:
        redis: The workers' Redis server.
        run_id: The run.
    """

    def __init__(self, redis: Redis, run_id: str) -> None:
        self._redis = redis
        self._run_id = run_id
        self._key = f"orchestration:restart:{run_id}"

    def once(self, name: str, value: Any, act: Callable[[Pipeline], None]) -> bool:
        """Write a note and do what `act` queues, both or neither; False if the note was there.

        A crash between the two, or a repetition of both, is impossible.
        """
        fresh = False

        def write(pipeline: Pipeline) -> None:
            nonlocal fresh
            fresh = not pipeline.hexists(self._key, name)
            pipeline.multi()
            if fresh:
                pipeline.hset(self._key, name, json.dumps(value))
                pipeline.expire(self._key, KEPT)
                act(pipeline)

        self._redis.transaction(write, self._key)
        return fresh

    def note(self, name: str, value: Any) -> Any:
        """Write a note if there is none of this name, and return the stored value."""
        self.once(name, value, lambda _: None)
        return self.read(name)

    def read(self, name: str) -> Any:
        """The value of a note; None: there is none."""
        text = self._redis.hget(self._key, name)
        return None if text is None else json.loads(text)

    def reserve(self, span: timedelta) -> str:
        """Reserve the suspension of the workers for a span; return the run that has it."""
        self._redis.set(OWNER, self._run_id, nx=True, ex=span)
        owner = as_text(self._redis.get(OWNER) or self._run_id)
        if owner == self._run_id:
            self._redis.expire(OWNER, span)
        return owner

    def release(self, act: Callable[[Pipeline], object]) -> bool:
        """Do what `act` queues and give the reservation back, if it is this run's."""
        mine = False

        def write(pipeline: Pipeline) -> None:
            nonlocal mine
            mine = pipeline.get(OWNER) == self._run_id.encode()
            pipeline.multi()
            if mine:
                pipeline.delete(OWNER)
                act(pipeline)

        self._redis.transaction(write, OWNER)
        return mine

    def close(self) -> None:
        """Keep the notes only a little longer: only a repetition of the last step may follow."""
        self._redis.expire(self._key, KEPT_WHEN_DONE)

    def begin_with(self, prefix: str) -> list[Any]:
        """The values of all notes whose names have a prefix, by name."""
        found = {as_text(key): text for key, text in self._redis.hgetall(self._key).items()}
        return [json.loads(found[name]) for name in sorted(found) if name.startswith(prefix)]
