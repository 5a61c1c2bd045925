"""Elections: of several processes the one that holds a lock is elected, while it holds it."""

from contextlib import suppress

from orchestration.errors import StoreError
from orchestration.ports import Locks


class Election:
    """A candidate for one of several offices of a kind; it has one at most.

    An office can be lost: a lock that belongs to a session of a server ends with that session.

    Args:
        locks: The locks that stand for the offices.
        names: The offices, by the names of their locks.
    """

    def __init__(self, locks: Locks, *names: str) -> None:
        self._locks = locks
        self._names = names
        self._office: str | None = None

    @property
    def stands(self) -> bool:
        """Whether this candidate has won an office and still holds it."""
        return self._office is not None and self._locks.holds(self._office)

    def won(self) -> bool:
        """Whether this candidate holds an office, or wins one now.

        Raises:
            StoreError: The store cannot be asked now.
        """
        if not self.stands:
            self.resign()
            self._office = next((name for name in self._names if self._locks.hold(name)), None)
        return self._office is not None

    def resign(self) -> None:
        """Release the office; if the store is away, the end of our session releases it."""
        office, self._office = self._office, None
        if office is not None:
            with suppress(StoreError):
                self._locks.release(office)
