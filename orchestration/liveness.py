"""Finds silent workers: their beats stand still by the observer's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SILENT_AFTER_S = 12.0
MISSED_AFTER_S = 6.0  # three beats: enough if a free lock is against the worker, too
LATE_AFTER_S = 6.0  # a beat, and how long a worker that is cut off can keep others from writing
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(slots=True)
class Observer:
    """The beats of other workers as one process has seen them.

    Clocks of two machines are never compared: a beat counts as standing still only while somebody
    looks in time. After a late look (this machine was paused) this observer begins anew. Whoever
    begins goes on from what others have seen, as they may be dead by now.
    """

    _since: dict[str, tuple[int, float]] = field(default_factory=dict)
    _looked_at: float | None = None

    def look(
        self, beats: Mapping[str, int], monotonic: float, told: Mapping[str, float] = NOTHING
    ) -> set[str]:
        """The workers whose beat has stood still for `SILENT_AFTER_S`.

        Args:
            beats: The beat counter of each present worker.
            monotonic: Now, in seconds of the observer's monotonic clock.
            told: For how many seconds others have seen a beat stand still.
        """
        late = self._looked_at is None or monotonic - self._looked_at > LATE_AFTER_S
        self._looked_at = monotonic
        known = {} if late else self._since
        self._since = {}
        for worker, beat in beats.items():
            own = known[worker][1] if known.get(worker, (None,))[0] == beat else monotonic
            self._since[worker] = beat, min(own, monotonic - told.get(worker, 0.0))
        return {w for w in self._since if self.still_s(w) >= SILENT_AFTER_S}

    def still_s(self, worker: str) -> float:
        """For how many seconds a worker's beat had stood still at the last look."""
        known = self._since.get(worker)
        return 0.0 if known is None or self._looked_at is None else self._looked_at - known[1]
