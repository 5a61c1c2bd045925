"""Our contenders: embedded, and two worker processes on RabbitMQ; SQLite with synchronous=FULL."""

import json
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.chain import app
from benchmarks.figures import Measured
from benchmarks.load import STEPS, Size, measure
from benchmarks.peers.work import payload
from benchmarks.servers import PROCESSES, vhost, wait_until, workers
from orchestration import settings
from orchestration.bus.address import parameters
from orchestration.clock import jitter, run_hex
from orchestration.engine import Engine
from orchestration.engine.submit import prepare
from orchestration.engine.transaction import Rules
from orchestration.runtime.embedded import embedded
from orchestration.runtime.relay import Relay
from orchestration.store import events
from orchestration.store import workers as table
from orchestration.store.connect import open_store

SLOTS = 1_000
MODULE = "benchmarks.chain"
KEPT = "10000000"  # more than any benchmark leaves behind
ENDS = (
    "SELECT MAX(id), SUM(CASE WHEN kind = 'run.completed' THEN 1 ELSE 0 END)"
    " FROM events WHERE id > ?"
)
RESULTS = (
    "SELECT r.id, r.ended_at, s.result FROM runs r JOIN steps s ON s.run_id = r.id"
    " WHERE r.status = 'completed' AND r.ended_at > ? AND s.step = ?"
)


class Chains:
    """Chains that an engine starts; those that ended before do not count."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._since = self.now()
        self._seen = self._engine.store.read(events.last_id)
        self._ended = 0

    def begin(self) -> str:
        """Start one chain, and return its id."""
        return self._engine.submit(prepare(app, "chain", {}, sender="bench", run_hex=run_hex()))

    def ended(self) -> int:
        """How many chains have ended so far, by the events since the last call."""
        ((last, ends),) = self._engine.store.read(lambda s: s.all(ENDS, self._seen))
        if last is not None:
            self._seen, self._ended = last, self._ended + ends
        return self._ended

    def end_times(self) -> dict[str, float]:
        """When each chain ended; each has counted to the end."""
        rows = self._engine.store.read(lambda s: s.all(RESULTS, self._since, f"step{STEPS}"))
        wrong = [row for row in rows if json.loads(row[2]) != [STEPS, payload()]]
        if wrong:
            raise AssertionError(f"wrong results: {wrong[:3]}")
        return {row[0]: row[1] for row in rows}

    def now(self) -> float:
        """Seconds since 1970."""
        return self._engine.clock.now().timestamp()


def run_embedded(size: Size) -> Measured:
    """One round in this process alone, on a new store."""
    with tempfile.TemporaryDirectory() as home:
        return run_at(home, size)


def run_at(home: str, size: Size) -> Measured:
    """One round in this process alone, on the store in a directory."""
    environment = {
        "ORCHESTRATION_HOME": home,
        "MAX_CONCURRENT_WORKFLOWS": str(SLOTS),
        "RETENTION_RUNS": KEPT,
        "RETENTION_DAYS": "3650",
    }
    with embedded(app, settings.load(environment)) as host:
        return measure(Chains(host.running.engine), size)


def run_brokered(size: Size, processes: int = PROCESSES, database: str | None = None) -> Measured:
    """One round on RabbitMQ, with the store in SQLite or at an address."""
    with tempfile.TemporaryDirectory() as home, vhost() as url:
        environment = {
            "RABBITMQ_URL": url,
            "ORCHESTRATION_HOME": home,
            "ORCHESTRATION_APP": MODULE,
            "MAX_CONCURRENT_WORKFLOWS": str(SLOTS),
            "LOG_LEVEL": "WARNING",
            "DATABASE_URL": database or f"sqlite:///{Path(home) / 'orchestration.db'}",
        }
        relay = Relay(partial(parameters, url, "benchmark"))
        store = open_store(environment["DATABASE_URL"]).store
        engine = Engine(store, relay, Rules(me="bench", slots=SLOTS, jitter=jitter))
        try:
            with workers(MODULE, environment, processes):
                wait_until(lambda: len(store.read(table.present)) == processes)
                return measure(Chains(engine), size)
        finally:
            relay.close()
            store.close()
