"""How long messages take here, from their arrival to their acknowledgement."""

from collections import deque
from collections.abc import Callable

from orchestration import metrics
from orchestration.metrics import Tally

LATE_S = 3.0


class Meter:
    """Measures the messages of one consumer, for whoever writes next.

    Args:
        monotonic: Seconds that never jump.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: deque[tuple[str, float]] = deque()
        self._tally = Tally()
        self._settled_at = monotonic()

    def arrived(self, queue: str) -> None:
        """Note that the next message is here."""
        self._open.append((queue, self._monotonic()))

    def settled(self, count: int) -> None:
        """Note that so many messages are acknowledged, the oldest ones."""
        now = self._settled_at = self._monotonic()
        for _ in range(min(count, len(self._open))):
            queue, at = self._open.popleft()
            self._tally.observe(metrics.MESSAGE_PROCESSING, now - at, queue)

    def forget(self) -> None:
        """Note that what is not acknowledged comes again by another connection."""
        self._open.clear()

    def take(self) -> Tally | None:
        """What is to be written, for who writes anyway; None: nothing.

        What it gives is given once: where it cannot be written it is lost, and never told twice.
        """
        if not self._tally.cells:
            return None
        found, self._tally = self._tally, Tally()
        return found

    def take_late(self) -> Tally | None:
        """The same, once it has waited so long that it is worth a transaction of its own."""
        if self._monotonic() - self._settled_at < LATE_S:
            return None
        return self.take()
