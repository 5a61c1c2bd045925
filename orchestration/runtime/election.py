"""One of several processes does it: who holds a lock, for as long as it is held."""

from contextlib import suppress

from orchestration.errors import StoreError
from orchestration.ports import Locks


class Election:
    """A candidate for one of several offices of a kind; it has one at most.

    An office can be lost: where locks are a session's, it may end while its process lives on.

    Args:
        locks: By which it is known who has an office.
        names: The offices.
    """

    def __init__(self, locks: Locks, *names: str) -> None:
        self._locks = locks
        self._names = names
        self._office: str | None = None

    @property
    def stands(self) -> bool:
        """Whether an office that was won is still ours."""
        return self._office is not None and self._locks.holds(self._office)

    def won(self) -> bool:
        """Whether we have an office, or get one now.

        Raises:
            StoreError: That cannot be known now.
        """
        if not self.stands:
            self.resign()
            self._office = next((name for name in self._names if self._locks.hold(name)), None)
        return self._office is not None

    def resign(self) -> None:
        """Leave it to others; where that cannot be said now, the end of our session says it."""
        office, self._office = self._office, None
        if office is not None:
            with suppress(StoreError):
                self._locks.release(office)
