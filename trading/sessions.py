"""The days on which the New York Stock Exchange traded."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from trading.arrays import Dates, Flags

_ONE_DAY = np.timedelta64(1, "D")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@lru_cache(maxsize=64)
def _closures(year: int) -> tuple[np.datetime64, ...]:
    import holidays  # noqa: PLC0415 - takes half a second, and only checks need it

    # The calendar also knows the unscheduled closures (11 September 2001 and the three days after,
    # the mourning for Reagan and Ford, hurricane Sandy), so nothing has to be added here.
    return tuple(np.datetime64(day, "D") for day in holidays.financial_holidays("NYSE", years=year))


def is_session(days: Dates) -> Flags:
    """Tell for each day whether the exchange was open."""
    if not len(days):
        return np.zeros(0, dtype=np.bool_)
    first, last = (int(str(day)[:4]) for day in (days.min(), days.max()))
    closed = [day for year in range(first, last + 1) for day in _closures(year)]
    return np.is_busday(days, holidays=closed)


def sessions(first: np.datetime64, last: np.datetime64) -> Dates:
    """Return the days of trading from the first to the last day, both included."""
    days = np.arange(first, last + _ONE_DAY, _ONE_DAY)
    return days[is_session(days)]


def day_in_new_york(since_epoch: timedelta) -> date:
    """Return the exchange's day of a moment, which may lie before 1970."""
    return (_EPOCH + since_epoch).astimezone(NEW_YORK).date()


def last_closed_day(now: datetime) -> date:
    """Return the day before today in New York: bars up to it are finished."""
    return now.astimezone(NEW_YORK).date() - timedelta(days=1)
