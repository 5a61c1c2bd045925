"""Rates: how many steps of an agent, or requests to a vendor, may begin within a period."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

RATE = re.compile(r"[1-9]\d{0,2}/(second|minute|hour|day)")
UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `count` tokens; a token comes back one `period` after it was taken.

    So no window of that length ever has more than `count`, which a bucket that fills up steadily
    would not promise: after a burst it would let through up to twice as many.
    """

    count: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read a rate such as 5/minute."""
        count, _, unit = text.partition("/")
        return cls(int(count), UNITS[unit])

    def left(self, taken: Iterable[datetime], now: datetime) -> int:
        """Return how many tokens are in the bucket."""
        return max(self.count - len(self._out(taken, now)), 0)

    def wait(self, taken: Iterable[datetime], now: datetime) -> timedelta:
        """Return how long it takes until there is a token; zero if there is one."""
        out = self._out(taken, now)
        return timedelta(0) if len(out) < self.count else out[-self.count] + self.period - now

    def counts(self, moment: datetime, now: datetime) -> bool:
        """Tell whether a token that was taken at a moment is still out.

        One taken in the future is, unless so far ahead that the clock must have been set back.
        """
        return abs(now - moment) < self.period

    def _out(self, taken: Iterable[datetime], now: datetime) -> list[datetime]:
        return sorted(moment for moment in taken if self.counts(moment, now))


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Read rates such as 25/day,1/second.

    Raises:
        ValueError: The text is no list of rates.
    """
    if not all(map(RATE.fullmatch, text.split(","))):
        raise ValueError("expected rates such as 5/minute or 25/day,1/second")
    return tuple(map(Rate.parse, text.split(",")))
