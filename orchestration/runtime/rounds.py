"""A thread that makes its rounds until it is stopped: the base of a worker's own threads."""

import logging
import threading
from collections.abc import Callable

from orchestration.errors import StoreError

log = logging.getLogger("rabbitmq_orchestration")


class Rounds:
    """Does one thing again and again, in a thread of its own; no error in a round ends it.

    Args:
        name: The name of the thread, also in its log lines.
        act: Makes one round.
        rest: Waits between two rounds; is given `stopping`, which should end the wait.

    Attributes:
        stopping: Set once the thread is to end.
    """

    def __init__(
        self, name: str, act: Callable[[], object], rest: Callable[[threading.Event], object]
    ) -> None:
        self._name = name
        self._act = act
        self._rest = rest
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    @property
    def is_dead(self) -> bool:
        """Whether its thread has ended without being stopped."""
        began = self._thread.ident is not None
        return began and not self._thread.is_alive() and not self.stopping.is_set()

    def start(self) -> None:
        """Begin the first round."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other round, and wait for the end of this one."""
        self.stopping.set()
        self._thread.join()

    def once(self) -> None:
        """Make one round here and now; what it raises is logged."""
        try:
            self._act()
        except StoreError as error:
            log.warning("%s: the store is away, trying again: %s", self._name, error)
        except Exception:  # the thread's outermost frame
            log.exception("%s: a bug: this round is lost, the next one is due", self._name)

    def _serve(self) -> None:
        while not self.stopping.is_set():
            self.once()
            self._rest(self.stopping)
