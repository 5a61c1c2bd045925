"""The bars of several symbols, stacked so that one array operation serves them all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.arrays import Dates, Floats, Ints
from trading.bars import Bars


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Rows are bars, symbol after symbol, oldest first.

    `calendar` holds every day on which any symbol has a bar, `dates` the same as ISO 8601; `day`
    maps a row to its place there, `owner` to its symbol's place in `series` and `symbols`; `end` is
    the row after the last one of its symbol.
    `marks[symbol, day]` is the last known close: NaN before the symbol's first bar.
    """

    series: tuple[Bars, ...]
    symbols: tuple[str, ...]
    calendar: Dates
    dates: tuple[str, ...]
    day: Ints
    owner: Ints
    end: Ints
    open: Floats
    low: Floats
    close: Floats
    marks: Floats

    @classmethod
    def stack(cls, series: Sequence[Bars]) -> "Panel":
        """Stack checked bars of at least one symbol."""
        calendar: Dates = np.unique(np.concatenate([bars.dates for bars in series]))
        days = [np.searchsorted(calendar, bars.dates) for bars in series]
        lengths = [len(bars) for bars in series]
        return cls(
            series=tuple(series),
            symbols=tuple(bars.symbol for bars in series),
            calendar=calendar,
            dates=tuple(np.datetime_as_string(calendar).tolist()),
            day=np.concatenate(days),
            owner=np.repeat(np.arange(len(series)), lengths),
            end=np.repeat(np.cumsum(lengths), lengths),
            open=np.concatenate([bars.open for bars in series]),
            low=np.concatenate([bars.low for bars in series]),
            close=np.concatenate([bars.close for bars in series]),
            marks=np.stack(
                [
                    _carried(bars.close, at, len(calendar))
                    for bars, at in zip(series, days, strict=True)
                ]
            ),
        )


def _carried(close: Floats, days: Ints, length: int) -> Floats:
    last_bar = np.searchsorted(days, np.arange(length), side="right") - 1
    return np.where(last_bar >= 0, close[np.maximum(last_bar, 0)], np.nan)
