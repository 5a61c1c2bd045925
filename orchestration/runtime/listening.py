"""For how long a thread has listened without a break, and when to write that it does."""

import math
from datetime import timedelta

from orchestration.engine.outside import LAPSE, LISTEN_EVERY


class Listening:
    """The time for which one thread has listened; all times are seconds that never jump."""

    def __init__(self) -> None:
        self._since = 0.0
        self._told_at = -math.inf

    def begin(self) -> None:
        """Listen anew: what was before counts no longer."""
        self._told_at = -math.inf

    def tell(self, now: float) -> timedelta | None:
        """For how long the thread has listened, if it is time to write that; ask each round."""
        silent = now - self._told_at
        if silent < LISTEN_EVERY.total_seconds():
            return None
        if silent > LAPSE.total_seconds():  # it begins, or it stood still and heard nobody
            self._since = now
        self._told_at = now
        return timedelta(seconds=now - self._since)
