"""Back-off from lanes whose recipients refuse messages: each pause is twice the last one."""

from collections.abc import Callable
from dataclasses import dataclass

PAUSE_S = 1.0
LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when a lane is left alone, and after how many refusals in a row."""

    until: float
    pause_s: float
    refusals: int


class Backoff:
    """Remembers the lanes that refused.

    Args:
        now: Seconds that never jump.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rests: dict[str, Rest] = {}

    def refuse(self, lane: str, longest_s: float = LONGEST_S) -> Rest | None:
        """Leave a lane alone, twice as long as the last time; None: it is left alone already."""
        now, last = self._now(), self._rests.get(lane)
        if last is None:
            rest = Rest(now + PAUSE_S, PAUSE_S, 1)
        elif now < last.until:
            return None
        else:
            pause_s = min(2 * last.pause_s, longest_s)
            rest = Rest(now + pause_s, pause_s, last.refusals + 1)
        fresh = {name: r for name, r in self._rests.items() if now < r.until + LONGEST_S}
        self._rests = {**fresh, lane: rest}
        return rest

    def take(self, lane: str) -> bool:
        """Note that a lane has taken a message; return whether it had refused before."""
        return self._rests.pop(lane, None) is not None

    def share(self, lane: str, share: int) -> int:
        """How many messages a lane may get: none while it is left alone, then one to try it."""
        rest = self._rests.get(lane)
        if rest is None:
            return share
        return 1 if self._now() >= rest.until else 0
