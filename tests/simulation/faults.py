"""What goes wrong: a store that fails now and then, and processes that die where it hurts."""

import atexit
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any, TypeVar

from orchestration.errors import StoreError
from orchestration.failpoints import Failpoint
from orchestration.ports import Session, Store
from orchestration.store.group import outcome_of
from orchestration.store.sqlite import MemoryStore
from orchestration.store.sqlite_session import SqliteSession, run_all
from tests.simulation import coverage

T = TypeVar("T")

RARE = 10  # how much more often a process dies at a failpoint that is seldom reached
WEIGHTS = {
    **dict.fromkeys([Failpoint.DECIDED, Failpoint.COMMITTING, Failpoint.COMMITTED], 1),
    Failpoint.TOLD: 1,
    **dict.fromkeys([Failpoint.CONFIRMED, Failpoint.ACCEPTED, Failpoint.TAKEN], 40),
    Failpoint.FORGETTING: 100,
}
RECOVERING = {  # how much more often a process dies while it recovers what others left
    "Engine.join.<locals>.<lambda>": 15,
    "Engine.take_over_dead.<locals>.<lambda>": 15,
    "Engine.take_over_silent.<locals>.<lambda>": 150,
    "clear": 10,
    "fire_timers": 10,
}
TABLES = (
    "SELECT 'main.' || name FROM sqlite_master"
    " WHERE type = 'table' AND name <> 'schema_versions'"
    " UNION ALL SELECT 'temp.' || name FROM sqlite_temp_master WHERE type = 'table'"
)


class CrashError(BaseException):
    """The process that raises this is dead: none of its threads goes on."""


class QuickStore(MemoryStore):
    """A store in memory that can be emptied, so that SQLite's prepared statements are kept."""

    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the operation in a transaction, without a lock: only one thread runs at a time."""
        (outcome,) = run_all(self._connection, [operation])
        if isinstance(outcome, Exception):
            raise outcome
        written: T = outcome
        return written

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Run a batch in one transaction."""
        return run_all(self._connection, operations)

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation between two transactions."""
        return operation(SqliteSession(self._connection))

    @property
    def changes(self) -> int:
        """A number that moves with every row that is written."""
        return self._connection.total_changes

    def empty(self) -> None:
        """Delete every row; numbers count from the first again."""
        self.write(lambda s: [s.changed(f"DELETE FROM {table}") for (table,) in s.all(TABLES)])


@cache
def quick_store() -> QuickStore:
    """The one store of this process, whose branches are counted."""
    store = QuickStore()
    coverage.watch(store)
    atexit.register(store.close)
    return store


class Faults:
    """Decides when a process dies, and when the store fails.

    Args:
        random: The source of all chance.

    Attributes:
        store: The probability that a write fails before its commit, and that it fails after it.
        crash: The probability that a process dies at a failpoint.
        writes: How often any process has tried to write.
        reached: How often each failpoint was reached.
        died: How often a process died at each failpoint.
        died_in: How often a process died in each operation, where that is known.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.store = 0.0
        self.crash = 0.0
        self.healed = False
        self.writes = 0
        self.reached: Counter[str] = Counter()
        self.died: Counter[str] = Counter()
        self.died_in: Counter[str] = Counter()

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.store = self.crash = 0.0
        self.healed = True

    def at(self, point: Failpoint, about: Any = None) -> bool:
        """Whether a process that reaches a failpoint, perhaps in some operation, dies there."""
        self.reached[point] += 1
        often = self.crash * WEIGHTS.get(point, RARE)
        often *= RECOVERING.get(getattr(about, "__qualname__", ""), 1)
        dies = often > 0 and self.random.random() < often
        self.died[point] += dies
        return dies


class FaultyStore:
    """A store as one process sees it: now and then a write fails, before the commit or after it.

    Args:
        store: The store.
        faults: Decides when it fails.
        is_dead: Whether the process is dead: then it can do nothing any more.
        meanwhile: Lets another process do something between a read and a write of this one.
    """

    def __init__(
        self,
        store: Store,
        faults: Faults,
        is_dead: Callable[[], bool],
        meanwhile: Callable[[], None],
    ) -> None:
        self.writer_for, self.close = store.writer_for, store.close
        self.disk_use, self.clock = store.disk_use, store.clock
        self._store = store
        self._faults = faults
        self._is_dead = is_dead
        self._meanwhile = meanwhile
        self.is_writing = False

    def read(self, operation: Callable[[Session], T]) -> T:
        self._live()
        return self._store.read(operation)

    @property
    def aside(self) -> Store:
        return self

    def write(self, operation: Callable[[Session], T]) -> T:
        return self._tried(lambda: self._store.write(operation))

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Write a batch; if it fails or is in doubt, write each alone, as real stores do."""
        try:
            return self._tried(lambda: self._store.write_many(operations))
        except StoreError:
            return [outcome_of(lambda o=each: self.write(o)) for each in operations]  # type: ignore[misc]

    def _tried(self, writing: Callable[[], T]) -> T:
        self._live()
        self._meanwhile()
        faults = self._faults
        drawn = faults.random.random() if faults.store else 1.0
        if drawn < faults.store:
            raise StoreError("nothing was written")
        self.is_writing = True
        try:
            faults.writes += 1
            value = writing()
        finally:
            self.is_writing = False
        if drawn < 2 * faults.store:
            raise StoreError("it was written, but nobody knows")
        return value

    def _live(self) -> None:
        if self._is_dead():
            raise CrashError
