"""A gate that lets many threads in together, or one alone."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

PATIENCE_S = 30.0


class Gate:
    """Lets an attempt that lost a worker before run alone, so that it can take no other along.

    A thread that wants to be alone waits for those inside for `patience_s` at most, and then goes
    in beside those that are left; an excused thread is not waited for.

    Args:
        patience_s: How long a thread that wants to be alone waits for those inside, in seconds.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._condition = threading.Condition()
        self._inside: set[Hashable] = set()
        self._alone: Hashable | None = None

    @contextmanager
    def entered(self, who: Hashable, *, alone: bool) -> Iterator[None]:
        """Be inside, together with other threads or alone."""
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
        """Whether a thread is, or wants to be, alone."""
        return self._alone is not None

    def excuse(self, who: Hashable) -> None:
        """Wait no longer for a thread: it is out, or its attempt has lost its claim."""
        with self._condition:
            self._inside.discard(who)
            if self._alone == who:
                self._alone = None
            self._condition.notify_all()
