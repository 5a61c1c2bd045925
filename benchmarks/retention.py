"""`python -m benchmarks.retention`: so many runs are loaded, and forgotten down to the cap.

They are written by SQL, each with two steps and what belongs to them, as a long life would leave
them; then the engine forgets them as it always does, batch by batch. What counts is how long one
batch keeps others from writing; on a machine with other work its CPU time says more.
"""

import argparse
import json
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from typing_extensions import override

from orchestration.clock import jitter
from orchestration.engine import Engine
from orchestration.engine.transaction import Rules
from orchestration.ports import Session
from orchestration.runtime.writing import NoRelay
from orchestration.store import control
from orchestration.store.sqlite import SqliteStore

T = TypeVar("T")
AGE = timedelta(days=365)
LOADED_AT_ONCE = 20_000
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
PLAN = "INSERT INTO plans (digest, body) VALUES ('plan', '{}') ON CONFLICT DO NOTHING"
LOAD = [
    """INSERT INTO runs (id, command, plan, parameters, sender, priority, rank, needs_slot, status,
    generation, progress, created_at, ended_at)
    SELECT 'run_' || i, 'job', 'plan', '{}', 'bench', 2, i, 1, 'completed', 1, 1, ? + i, ? + i
    FROM n""",
    """INSERT INTO steps (run_id, step, branch, agent, offer, status, rank, attempt, opened_at,
    ended_at, result) SELECT 'run_' || i, s.name, 0, 'agent', 'agent.act@1', 'completed', i, 1,
    ? + i, ? + i, '{}' FROM n, (SELECT 'a' AS name UNION SELECT 'b') s""",
    """INSERT INTO events (run_id, at, kind) SELECT 'run_' || i, ? + i * 0 + ? * 0, s.kind FROM n,
    (SELECT 'run.pending' AS kind UNION SELECT 'step.completed' UNION SELECT 'run.completed') s""",
]


class Timed(SqliteStore):
    """A store that notes how long each write has kept others waiting, in ms."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.spans: list[float] = []
        self.worked: list[float] = []

    @override
    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the write, and measure it."""
        before, work = time.monotonic(), time.process_time()
        try:
            return super().write(operation)
        finally:
            self.spans.append(1_000 * (time.monotonic() - before))
            self.worked.append(1_000 * (time.process_time() - work))


def load(store: SqliteStore, count: int, ended_at: float) -> None:
    """Write so many runs that ended a second after each other."""
    for first in range(0, count, LOADED_AT_ONCE):
        last = min(first + LOADED_AT_ONCE, count) - 1

        def write(session: Session, first: int = first, last: int = last) -> None:
            session.run(PLAN)
            for statement in LOAD:
                head, _, rest = statement.partition("SELECT")
                session.run(f"{head}{NUMBERS}SELECT{rest}", first, last, ended_at, ended_at)

        store.write(write)


def empty_log(path: Path) -> None:
    """Checkpoint the log of the load, so that no measured batch has to."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def measure(count: int, keep: int) -> dict[str, float]:
    """Load so many runs, forget all but `keep`, and return the figures."""
    with TemporaryDirectory() as directory:
        store = Timed(Path(directory) / "store.db")
        store.write(lambda s: control.ensure(s, "bench"))
        engine = Engine(store, NoRelay(), Rules(me="bench", sends=False, jitter=jitter))
        began = time.monotonic()
        load(store, count, store.clock.now().timestamp() - 2 * count)
        loaded = time.monotonic()
        while engine.count_events():
            pass
        empty_log(Path(directory) / "store.db")
        counted, began_to_forget = len(store.spans), time.monotonic()
        while engine.forget(AGE, keep):
            pass
        forgot = time.monotonic() - began_to_forget
        spans, worked = store.spans[counted:], store.worked[counted:]
        left = store.read(lambda s: s.all("SELECT COUNT(*) FROM runs"))[0][0]
        store.close()
    spans.sort()
    worked.sort()
    return {
        "runs loaded": count,
        "runs left": left,
        "seconds to load": round(loaded - began),
        "seconds to forget": round(forgot),
        "batches": len(spans),
        "median ms a batch": round(statistics.median(spans), 1),
        "p99 ms a batch": round(spans[int(0.99 * len(spans))], 1),
        "worst ms a batch": round(spans[-1], 1),
        "p99 ms of CPU a batch": round(worked[int(0.99 * len(worked))], 1),
        "worst ms of CPU a batch": round(worked[-1], 1),
    }


def main() -> None:
    """Measure, and print one line of JSON."""
    words = argparse.ArgumentParser(prog="python -m benchmarks.retention", description=__doc__)
    words.add_argument("--runs", type=int, default=1_000_000)
    words.add_argument("--keep", type=int, default=100_000)
    given = words.parse_args()
    print(json.dumps(measure(given.runs, given.keep)))


if __name__ == "__main__":
    main()
