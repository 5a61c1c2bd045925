"""How long messages take in this process, from arrival to acknowledgement."""

from collections import deque
from collections.abc import Callable

from orchestration import metrics
from orchestration.metrics import Tally

LATE_S = 3.0


class Meter:
    """Measures the messages of one consumer, for its next transaction.

    Args:
        monotonic: Seconds that never jump.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: deque[tuple[str, float]] = deque()
        self._tally = Tally()
        self._settled_at = monotonic()

    def arrived(self, queue: str) -> None:
        """Note that a message has arrived."""
        self._open.append((queue, self._monotonic()))

    def settled(self, count: int) -> None:
        """Note that the oldest `count` messages are acknowledged."""
        now = self._settled_at = self._monotonic()
        for _ in range(min(count, len(self._open))):
            queue, at = self._open.popleft()
            self._tally.observe(metrics.MESSAGE_PROCESSING, now - at, queue)

    def forget(self) -> None:
        """Forget unacknowledged messages: they come again by another connection."""
        self._open.clear()

    def take(self) -> Tally | None:
        """The tally to write in the caller's transaction, and start anew; None: it is empty.

        Each tally is returned once: if the caller cannot write it, it is lost, not counted twice.
        """
        if not self._tally.cells:
            return None
        found, self._tally = self._tally, Tally()
        return found

    def take_late(self) -> Tally | None:
        """The tally, once it has waited so long that it is worth a transaction of its own."""
        if self._monotonic() - self._settled_at < LATE_S:
            return None
        return self.take()
