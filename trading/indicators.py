"""Indicators on daily bars.

Every function takes arrays of one symbol, oldest first, and returns an array of the same length;
a value is NaN until enough earlier bars exist, and a NaN passes no gate. Sums run over each window
anew, so that a value depends on its window only and not on where the series began (the exponential
average excepted, whose memory is infinite).
"""

from itertools import accumulate

import numpy as np

from trading.arrays import Floats, Ints


def _empty(like: Floats) -> Floats:
    return np.full(len(like), np.nan)


def previous(values: Floats, bars: int = 1) -> Floats:
    """Return the value of so many bars ago."""
    shifted = _empty(values)
    shifted[bars:] = values[: max(len(values) - bars, 0)]
    return shifted


def rolling_sum(values: Floats, window: int) -> Floats:
    """Return the sum over the last `window` bars, the present one included."""
    total = _empty(values)
    count = len(values) - window + 1
    if count > 0:
        total[window - 1 :] = sum(values[lag : lag + count] for lag in range(window))
    return total


def mean(values: Floats, window: int) -> Floats:
    """Return the simple mean over the last `window` bars, the present one included."""
    return rolling_sum(values, window) / window


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is zero."""
    quotient = _empty(numerator)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def relative_volume(volume: Floats, window: int = 30) -> Floats:
    """Return volume over the mean of the `window` bars before it (relvol30 by default)."""
    return ratio(volume, previous(mean(volume, window)))


def volume_spike(volume: Floats) -> Floats:
    """Return max(0.8 v/avg5, 0.9 v/avg10, v/avg30), averages over the bars before (legacy_v0).

    All three averages must exist: with 30 bars or fewer there is no spike.
    """
    spikes: Floats = np.maximum.reduce(
        [
            0.8 * relative_volume(volume, 5),
            0.9 * relative_volume(volume, 10),
            relative_volume(volume, 30),
        ]
    )
    return spikes


def true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Return the larger of the bar's range and its reach from the close before, as a price."""
    before = previous(close)
    reach: Floats = np.maximum.reduce([high - low, np.abs(high - before), np.abs(low - before)])
    return reach


def average_true_range(high: Floats, low: Floats, close: Floats, window: int = 14) -> Floats:
    """Return the simple mean of the last true ranges, as a price (not Wilder's smoothing)."""
    return mean(true_range(high, low, close), window)


def cutler_rsi(close: Floats, window: int = 14) -> Floats:
    """Return Cutler's relative strength index, 0..100: simple means where Wilder smooths.

    100 times the gains of the last `window` changes over their gains and losses; NaN where the
    price did not move at all.
    """
    change = close - previous(close)
    gains = rolling_sum(np.maximum(change, 0.0), window)
    losses = rolling_sum(np.maximum(-change, 0.0), window)
    return 100.0 * ratio(gains, gains + losses)


def exponential_mean(values: Floats, window: int) -> Floats:
    """Return the exponential average with weight 2 / (window + 1), seeded with the first value."""
    weight = 2.0 / (window + 1.0)
    steps = accumulate(values.tolist(), lambda held, new: held + weight * (new - held))
    return np.fromiter(steps, dtype=np.float64, count=len(values))


def rolling_vwap(
    high: Floats, low: Floats, close: Floats, volume: Floats, window: int = 20
) -> Floats:
    """Return the volume-weighted typical price, (high + low + close) / 3, of the last bars."""
    traded = (high + low + close) / 3.0 * volume
    return ratio(rolling_sum(traded, window), rolling_sum(volume, window))


def up_days(close: Floats) -> Floats:
    """Return how many closes in a row, up to the present one, were above the close before."""
    rising = close > previous(close)
    at: Ints = np.arange(len(close))
    last_other: Ints = np.maximum.accumulate(np.where(rising, 0, at))
    return (at - last_other).astype(np.float64)


def change_over(close: Floats, bars: int) -> Floats:
    """Return the return over so many bars, as a fraction."""
    return ratio(close, previous(close, bars)) - 1.0


def band_width(close: Floats, window: int = 20) -> Floats:
    """Return the width of the Bollinger bands (2 population deviations each way) over the close."""
    centre = mean(close, window)
    count = max(len(close) - window + 1, 0)
    spread = _empty(close)
    spread[window - 1 :] = sum(
        (close[lag : lag + count] - centre[window - 1 :]) ** 2 for lag in range(window)
    )
    return ratio(4.0 * np.sqrt(spread / window), close)


def rolling_rank(values: Floats, window: int = 60) -> Floats:
    """Return which part of the last `window` values is not above the present one, 0..1."""
    not_above = sum((previous(values, lag) <= values).astype(np.float64) for lag in range(window))
    complete = ~np.isnan(rolling_sum(values, window))
    return np.where(complete, not_above / window, np.nan)
