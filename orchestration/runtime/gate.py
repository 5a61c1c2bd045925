"""A gate that lets many through together, or one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """What lost a worker before runs with nothing beside it, so that it can hurt no one else."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._alone = False

    @contextmanager
    def entered(self, *, alone: bool) -> Iterator[None]:
        """Be inside, together with others or alone."""
        with self._condition:
            self._condition.wait_for(lambda: not self._alone)
            if alone:
                self._alone = True
                self._condition.wait_for(lambda: self._inside == 0)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._alone = self._alone and not alone
                self._condition.notify_all()
