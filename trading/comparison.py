"""Whether two sources agree on the prices of a symbol that both have."""

from dataclasses import asdict, dataclass

import numpy as np

from trading.arrays import Floats
from trading.bars import Bars

LEAST_COMMON_BARS = 20
TOLERANCE = 0.02
MOST_DIFFERING = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """One symbol in two sources, compared by its daily returns.

    Returns and not prices are compared, since one source adjusts for splits or dividends where the
    other does not. `common_bars` counts the days that both have; a day differs where the returns to
    it from the common day before are more than `TOLERANCE` apart. `largest` is None without any.
    """

    symbol: str
    common_bars: int
    differing: int
    largest: float | None
    first: str | None
    last: str | None

    @property
    def comparable(self) -> bool:
        """Whether there are enough common days to judge by."""
        return self.common_bars >= LEAST_COMMON_BARS

    @property
    def agrees(self) -> bool:
        """Whether so few days differ that both may be right; True if too few can be compared."""
        return not self.comparable or self.differing <= MOST_DIFFERING * (self.common_bars - 1)

    def as_json(self) -> dict[str, object]:
        """Return the comparison as it stands in results."""
        return {**asdict(self), "comparable": self.comparable, "agrees": self.agrees}


def compare(new: Bars, old: Bars) -> Comparison:
    """Compare the same symbol's bars of two sources, both in order of their days."""
    days, at_new, at_old = np.intersect1d(new.dates, old.dates, return_indices=True)
    if len(days) == 0:
        return Comparison(new.symbol, 0, 0, None, None, None)
    apart = np.abs(_returns(new.close[at_new]) - _returns(old.close[at_old]))
    return Comparison(
        symbol=new.symbol,
        common_bars=len(days),
        differing=int(np.count_nonzero(apart > TOLERANCE)),
        largest=float(apart.max()) if len(apart) else None,
        first=str(days[0]),
        last=str(days[-1]),
    )


def _returns(close: Floats) -> Floats:
    returns: Floats = close[1:] / close[:-1] - 1.0
    return returns
