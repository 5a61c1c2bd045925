"""Why a worker process must end, though it looks alive."""

import multiprocessing
import os
from collections.abc import Callable

from dramatiq import Worker


class Watchdog:
    """Looks at a Dramatiq worker from the keeper's thread.

    Args:
        lost: Returns how many threads work on attempts whose claims are lost.
        orphan: Whether the process must not outlive its parent.
    """

    def __init__(self, lost: Callable[[], int], *, orphan: bool) -> None:
        self._lost = lost
        parent = multiprocessing.parent_process() if orphan else None
        self._parent = None if parent is None else parent.pid
        self._worker: Worker | None = None

    def watch(self, worker: Worker) -> None:
        """Look at this worker from now on."""
        self._worker = worker

    def rest(self) -> None:
        """Stop watching: the worker's threads are ending."""
        self._worker = None

    def why_end(self) -> str | None:
        """Why this process must end; None: it may go on."""
        if self._parent is not None and os.getppid() != self._parent:
            return "its parent is gone"
        if self._worker is None or not self._worker.workers:
            return None
        if not all(thread.is_alive() for thread in self._worker.workers):
            return "a worker thread has died"
        if 2 * self._lost() >= self._worker.worker_threads:
            return "half of its threads work on attempts that are no longer theirs"
        return None
