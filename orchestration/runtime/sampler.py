"""The sampler: once a minute, it counts waiting and running branches for the console."""

from datetime import datetime

from orchestration.engine import Engine
from orchestration.ports import Session
from orchestration.state import RunStatus
from orchestration.store import queues, runs, samples, workers
from orchestration.store.samples import Sample

MOST_NAMES = 100


class Sampler:
    """Writes the samples of each minute; one process of a fleet does, and a second changes nothing.

    Args:
        engine: The engine whose store has the steps and runs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: datetime | None = None

    def look(self) -> None:
        """Sample this minute, unless this process has done so."""
        minute = self._engine.clock.now().replace(second=0, microsecond=0)
        if minute == self._last:
            return
        found = self._engine.store.read(lambda s: sampled(s, minute))
        self._engine.store.write(lambda s: samples.add_all(s, found))
        self._last = minute


def sampled(session: Session, minute: datetime) -> list[Sample]:
    """Counts of what waits and runs now: per agent that is served or has work, and of all runs."""
    nothing = {"ready": 0, "queued": 0, "running": 0}
    counted = dict.fromkeys(workers.served(session), nothing) | queues.counts(session)
    found = [
        Sample(name, minute, each["ready"] + each["queued"], each["running"])
        for name, each in counted.items()
    ]
    found.sort(key=lambda each: -each.waiting - each.running)
    live = runs.live_counts(session)
    pending, running = live.get(RunStatus.PENDING, 0), live.get(RunStatus.RUNNING, 0)
    return [Sample(samples.RUNS, minute, pending, running), *found[:MOST_NAMES]]
