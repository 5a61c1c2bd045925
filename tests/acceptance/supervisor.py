"""A supervisor, as every platform has one: it restarts processes that have ended."""

import threading
from collections.abc import Callable

from tests.acceptance.processes import Process

POLL_S = 0.05


class Supervisor:
    """Keeps one process of each kind running until it is told to stop."""

    def __init__(self, starters: dict[str, Callable[[], Process]]) -> None:
        self._starters = starters
        self._mutex = threading.Lock()
        self._running = {name: start() for name, start in starters.items()}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="supervisor")
        self.restarts = 0
        self._thread.start()

    def of(self, name: str) -> Process:
        """The process that runs under a name now."""
        with self._mutex:
            return self._running[name]

    def stop(self) -> None:
        """Restart nothing any more."""
        self._stopping.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stopping.wait(POLL_S):
            for name, start in self._starters.items():
                if self._running[name].ended is not None:
                    with self._mutex:
                        self._running[name] = start()
                    self.restarts += 1
