"""A gate that lets many through together, or one alone."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

PATIENCE_S = 30.0


class Gate:
    """What lost a worker before runs with nothing beside it, so that it can hurt no one else.

    Nobody waits for ever: who wants to be alone keeps others out for a while at most, and goes
    in beside those who have not come out by then; who is excused is not waited for.

    Args:
        patience_s: How long the gate stays closed for one who is not alone yet, in seconds.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._condition = threading.Condition()
        self._inside: set[Hashable] = set()
        self._alone: Hashable | None = None

    @contextmanager
    def entered(self, who: Hashable, *, alone: bool) -> Iterator[None]:
        """Be inside, together with others or alone."""
        with self._condition:
            self._condition.wait_for(lambda: self._alone is None)
            if alone:
                self._alone = who
                self._condition.wait_for(lambda: not self._inside, self._patience_s)
            self._inside.add(who)
        try:
            yield
        finally:
            self.excuse(who)

    @property
    def is_closed(self) -> bool:
        """Whether somebody is, or wants to be, alone."""
        return self._alone is not None

    def excuse(self, who: Hashable) -> None:
        """Wait no longer for somebody: it is out, or what it does inside is lost anyway."""
        with self._condition:
            self._inside.discard(who)
            if self._alone == who:
                self._alone = None
            self._condition.notify_all()
