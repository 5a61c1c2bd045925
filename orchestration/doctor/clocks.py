"""Checks of clocks: processes compare their own time with timers and beats that others wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.doctor.finding import Finding, ok, warning
from orchestration.store.workers import WorkerRow

TOLERANCE = timedelta(seconds=2)
CURE = "let NTP set the clock of every machine: `timedatectl set-ntp true`"


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading of another clock, between two readings of ours.

    Attributes:
        whose: The owner of the clock, for people.
        at: The reading of the other clock.
        earliest: Our reading before it.
        latest: Our reading after it.
    """

    whose: str
    at: datetime
    earliest: datetime
    latest: datetime

    @property
    def offset(self) -> timedelta:
        """By how much the other clock is ahead of ours, at least; negative: behind."""
        if self.at > self.latest:
            return self.at - self.latest
        return min(self.at - self.earliest, timedelta(0))


def skew(readings: Iterable[Reading]) -> list[Finding]:
    """Find the clocks that differ from this machine's by more than they may."""
    found, seen = [], []
    for reading in readings:
        seen.append(reading.whose)
        if abs(reading.offset) > TOLERANCE:
            side = "ahead of" if reading.offset > timedelta(0) else "behind"
            seconds = abs(reading.offset).total_seconds()
            what = f"the clock of {reading.whose} is {seconds:.0f} s {side} this machine's"
            found.append(warning("clocks", what, CURE))
    if found:
        return found
    others = ", ".join(sorted(seen)) or "none other can be seen"
    return [ok("clocks", f"in step with this machine's: {others}")]


def beats(
    before: Mapping[str, WorkerRow],
    after: Mapping[str, WorkerRow],
    earliest: datetime,
    latest: datetime,
) -> list[Reading]:
    """Read workers' clocks by their beats.

    A worker that beat between the two looks did so between their times. Of any other only this is
    known: its last beat is not in the future.
    """
    found = []
    for id_, row in after.items():
        new = id_ in before and before[id_].beat != row.beat
        since = earliest if new else min(earliest, row.beat_at)
        found.append(Reading(f"{row.host} (worker {row.pid})", row.beat_at, since, latest))
    return found
