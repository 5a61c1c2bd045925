"""How long messages take here, from their arrival to their acknowledgement."""

from collections import deque
from collections.abc import Callable

from orchestration import metrics
from orchestration.metrics import Tally

WRITE_EVERY_S = 1.0


class Meter:
    """Measures the messages of one consumer; what it has measured is written now and then.

    Args:
        monotonic: Seconds that never jump.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._open: deque[tuple[str, float]] = deque()
        self._tally = Tally()
        self._due = 0.0

    def arrived(self, queue: str) -> None:
        """Note that the next message is here."""
        self._open.append((queue, self._monotonic()))

    def settled(self, count: int) -> None:
        """Note that so many messages are acknowledged, the oldest ones."""
        now = self._monotonic()
        for _ in range(min(count, len(self._open))):
            queue, at = self._open.popleft()
            self._tally.observe(metrics.MESSAGE_PROCESSING, now - at, queue)

    def forget(self) -> None:
        """Note that what is not acknowledged comes again by another connection."""
        self._open.clear()

    def take(self) -> Tally | None:
        """What is to be written now; None: nothing, or not yet.

        What it gives is given once: where it cannot be written it is lost, and never told twice.
        """
        now = self._monotonic()
        if not self._tally.cells or now < self._due:
            return None
        found, self._tally = self._tally, Tally()
        self._due = now + WRITE_EVERY_S
        return found
