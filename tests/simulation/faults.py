"""What goes wrong: a store that fails now and then, and processes that die where it hurts."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from threading import RLock
from typing import TypeVar

from orchestration.errors import StoreError
from orchestration.failpoints import Failpoint
from orchestration.ports import Session, Store
from orchestration.store.outcome import outcome_of
from orchestration.store.sqlite import MemoryStore
from orchestration.store.sqlite_session import connect

T = TypeVar("T")

RARE = 10  # so much more often a process dies at a failpoint that is seldom reached
WEIGHTS = {
    **dict.fromkeys([Failpoint.DECIDED, Failpoint.COMMITTING, Failpoint.COMMITTED], 1),
    Failpoint.TOLD: 1,
    **dict.fromkeys([Failpoint.CONFIRMED, Failpoint.ACCEPTED, Failpoint.TAKEN], 40),
    Failpoint.FORGETTING: 100,
}


class CrashError(BaseException):
    """The process that does this is dead: nothing of it goes on."""


class QuickStore(MemoryStore):
    """A store in memory that begins as a copy of an empty one: made a hundred times as fast."""

    def __init__(self) -> None:
        self._connection = connect(":memory:")
        self._connection.deserialize(empty())
        self._mutex = RLock()

    @property
    def changes(self) -> int:
        """A number that moves with every row that is written."""
        return self._connection.total_changes


@cache
def empty() -> bytes:
    """An empty store, as SQLite writes it."""
    store = MemoryStore()
    found = store._connection.serialize()  # noqa: SLF001 - only its owner can copy it
    store.close()
    return found


class Faults:
    """When somebody dies, and when the store fails.

    Args:
        random: Where every chance comes from.

    Attributes:
        store: How often a write fails before its commit, and how often after it.
        crash: How often a process dies at a failpoint.
        reached: How often each failpoint was reached.
        died: How often somebody died at each.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.store = 0.0
        self.crash = 0.0
        self.healed = False
        self.reached: Counter[str] = Counter()
        self.died: Counter[str] = Counter()

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self.store = self.crash = 0.0
        self.healed = True

    def at(self, point: Failpoint) -> bool:
        """Whether a process that has come so far dies there."""
        self.reached[point] += 1
        often = self.crash * WEIGHTS.get(point, RARE)
        dies = often > 0 and self.random.random() < often
        self.died[point] += dies
        return dies


class FaultyStore:
    """What one process sees of a store: now and then it fails, before the commit or after it.

    Args:
        store: The store.
        faults: How often.
        is_dead: Whether the process is dead: then it does nothing any more.
    """

    def __init__(self, store: Store, faults: Faults, is_dead: Callable[[], bool]) -> None:
        self.writer_for, self.close = store.writer_for, store.close
        self.disk_use = store.disk_use
        self._store = store
        self._faults = faults
        self._is_dead = is_dead
        self.is_writing = False

    def read(self, operation: Callable[[Session], T]) -> T:
        self._live()
        return self._store.read(operation)

    def write(self, operation: Callable[[Session], T]) -> T:
        self._live()
        faults = self._faults
        drawn = faults.random.random() if faults.store else 1.0
        if drawn < faults.store:
            raise StoreError("nothing was written")
        self.is_writing = True
        try:
            value = self._store.write(operation)
        finally:
            self.is_writing = False
        if drawn < 2 * faults.store:
            raise StoreError("it was written, but nobody knows")
        return value

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        return [outcome_of(lambda o=each: self.write(o)) for each in operations]  # type: ignore[misc]

    def _live(self) -> None:
        if self._is_dead():
            raise CrashError
