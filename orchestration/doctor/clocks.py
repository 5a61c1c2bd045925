"""Checks of clocks: timers and heartbeats are compared with the time that others wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.doctor.finding import Finding, ok, warning
from orchestration.store.workers import WorkerRow

TOLERANCE = timedelta(seconds=2)
CURE = "let NTP set the clock of every machine: `timedatectl set-ntp true`"


@dataclass(frozen=True, slots=True)
class Reading:
    """What another clock said between two readings of ours.

    Attributes:
        whose: Whose clock it is, for people.
        at: What it said.
        earliest: What ours said before.
        latest: What ours said after.
    """

    whose: str
    at: datetime
    earliest: datetime
    latest: datetime

    @property
    def offset(self) -> timedelta:
        """By how much it is ahead of ours, at the least; negative: behind."""
        if self.at > self.latest:
            return self.at - self.latest
        return min(self.at - self.earliest, timedelta(0))


def skew(readings: Iterable[Reading]) -> list[Finding]:
    """Which clocks differ from this machine's by more than they may."""
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
    """What workers' clocks said.

    One who has beaten between two looks did so between their times. Of others only this is known:
    no beat that is written lies ahead.
    """
    found = []
    for id_, row in after.items():
        new = id_ in before and before[id_].beat != row.beat
        since = earliest if new else min(earliest, row.beat_at)
        found.append(Reading(f"{row.host} (worker {row.pid})", row.beat_at, since, latest))
    return found
