"""A store as people's requests see it: however many they are, a worker's reads do not wait."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from orchestration.ports import Clock, Session, Size, Store

T = TypeVar("T")


class Aside:
    """The same store, of which so many reads at once are made, and no more.

    Args:
        store: The store.
        most: How many reads are made at once; others wait for their turn.
    """

    def __init__(self, store: Store, most: int) -> None:
        self._store = store
        self._turns = threading.Semaphore(most)

    @property
    def aside(self) -> Store:
        """This view."""
        return self

    @property
    def clock(self) -> Clock:
        """The store's clock."""
        return self._store.clock

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation on one consistent snapshot, in its turn."""
        with self._turns:
            return self._store.read(operation)

    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the operation in a transaction of its own."""
        return self._store.write(operation)

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Run each operation as `write` would."""
        return self._store.write_many(operations)

    def writer_for(self, seconds: float, /) -> int | None:
        """The process that keeps the write lock for so many seconds; None: none, or not known."""
        return self._store.writer_for(seconds)

    def disk_use(self) -> Size:
        """The current size."""
        return self._store.disk_use()

    def close(self) -> None:
        """Close the store."""
        self._store.close()
