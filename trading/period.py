"""Stretches of the calendar that end with the last bar."""

import re
from dataclasses import dataclass

import numpy as np

from trading.errors import PeriodError

_PERIOD = re.compile(r"([1-9][0-9]{0,3})([DWMY])\Z")
_MONTHS = {"M": 1, "Y": 12}
_DAYS = {"D": 1, "W": 7}


@dataclass(frozen=True, slots=True)
class Period:
    """A count of calendar days (D), weeks (W), months (M) or years (Y)."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read a period such as 6M, 1Y, 90D or 4W.

        Raises:
            PeriodError: The text is anything else, a count of zero included.
        """
        match = _PERIOD.match(text)
        if match is None:
            raise PeriodError(text)
        return cls(int(match[1]), match[2])

    def before(self, last: np.datetime64) -> np.datetime64:
        """Return the day after which the period that ends with `last` begins.

        Months count by the calendar: 6M before 31 August is the last day of February.
        """
        if self.unit in _DAYS:
            return last - np.timedelta64(self.count * _DAYS[self.unit], "D")
        month = last.astype("datetime64[M]")
        day_of_month = last - month.astype("datetime64[D]")
        target = month - np.timedelta64(self.count * _MONTHS[self.unit], "M")
        after_target = (target + np.timedelta64(1, "M")).astype("datetime64[D]")
        last_of_target = after_target - np.timedelta64(1, "D")
        return min(target.astype("datetime64[D]") + day_of_month, last_of_target)

    @property
    def text(self) -> str:
        """The period as it is written."""
        return f"{self.count}{self.unit}"
