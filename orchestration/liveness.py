"""Finds silent workers: their beats stand still by the observers' own clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

SILENT_AFTER_S = 12.0
MISSED_AFTER_S = 6.0  # three beats: enough if a free lock is against the worker, too
LATE_AFTER_S = 6.0  # a beat, and how long a worker that is cut off can keep others from writing
NOTHING: Mapping[str, float] = MappingProxyType({})


class Watch(NamedTuple):
    """What is known of a worker's last beat, in seconds of the observer's monotonic clock.

    Attributes:
        beat: Its number.
        seen: Since when this observer sees it stand still.
        silent: Since when this observer, and those that told it, have seen that.
    """

    beat: int
    seen: float
    silent: float


@dataclass(slots=True)
class Observer:
    """The beats of other workers as one process has seen them.

    Clocks of two machines are never compared: a beat counts as standing still only while somebody
    looks in time. After a late look (this machine was paused) this observer begins anew. For
    silence, not for a proof of death, whoever begins goes on from what others have seen: they may
    be dead by now.
    """

    _watches: dict[str, Watch] = field(default_factory=dict)
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
        known = {} if late else self._watches
        self._watches = {}
        for worker, beat in beats.items():
            watch = known.get(worker)
            if watch is None or watch.beat != beat:
                watch = Watch(beat, monotonic, monotonic)
            silent = min(watch.silent, monotonic - told.get(worker, 0.0))
            self._watches[worker] = watch._replace(silent=silent)
        return {worker for worker in beats if self.silent_s(worker) >= SILENT_AFTER_S}

    def still_s(self, worker: str) -> float:
        """For how many seconds this observer had seen a beat stand still at its last look."""
        watch = self._watches.get(worker)
        return 0.0 if watch is None or self._looked_at is None else self._looked_at - watch.seen

    def silent_s(self, worker: str) -> float:
        """For how many seconds a beat had stood still at the last look, by all that is known."""
        watch = self._watches.get(worker)
        return 0.0 if watch is None or self._looked_at is None else self._looked_at - watch.silent
