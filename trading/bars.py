"""Daily prices of one symbol."""

from dataclasses import dataclass, replace

import numpy as np

from trading.arrays import Dates, Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """The daily bars of one symbol, oldest first; all arrays have one length.

    `dates` are days (datetime64[D]), prices are in the currency of the exchange, `volume` is in
    shares a day. Nothing is promised about the values: `trading.checks` looks at them.
    """

    symbol: str
    dates: Dates
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.dates)

    def after(self, day: np.datetime64) -> "Bars":
        """Return the bars later than the day."""
        return self.rows(self.dates > day, self.symbol)

    def since(self, day: np.datetime64) -> "Bars":
        """Return the bars of the day and later."""
        return self.rows(self.dates >= day, self.symbol)

    def rows(self, chosen: Flags, symbol: str) -> "Bars":
        """Return the chosen bars, as those of the symbol."""
        return Bars(
            symbol,
            self.dates[chosen],
            self.open[chosen],
            self.high[chosen],
            self.low[chosen],
            self.close[chosen],
            self.volume[chosen],
        )

    def scaled(self, factor: Floats) -> "Bars":
        """Return the bars with the four prices multiplied by the factor of their day.

        One factor a bar keeps the order low <= open, close <= high exactly. The volume stays as
        traded: a factor that holds dividends as well as splits says nothing about shares.
        """
        return replace(
            self,
            open=self.open * factor,
            high=self.high * factor,
            low=self.low * factor,
            close=self.close * factor,
        )
