"""AMC-TRADER's hybrid_v1: volume and momentum, squeeze, catalyst, options, technical.

Weights, component formulas and gates as AMC-TRADER publishes them. Bars allow the first and the
last component; squeeze, catalyst and options need float, short interest, news and option chains.
The published presets squeeze_aggressive and catalyst_heavy, which weigh those more, are left out.
What the authors publish as an entry score (75 of 100) is applied to the score renormalised to the
available components, since the raw one cannot exceed 45.
"""

from collections.abc import Mapping

import numpy as np

from trading.arrays import Floats
from trading.bars import Bars
from trading.indicators import (
    average_true_range,
    cutler_rsi,
    exponential_mean,
    ratio,
    relative_volume,
    rolling_vwap,
    up_days,
)
from trading.strategies.strategy import Gate, Reading, Strategy

WATCHLIST_SCORE = 70.0
TRADE_READY_SCORE = 75.0
_GATES = (
    Gate("relvol30", np.greater_equal, "min_relvol30"),
    Gate("atr_fraction", np.greater_equal, "min_atr_fraction"),
    Gate("close_over_vwap", np.greater, "above_close_over_vwap"),
    Gate("rsi", np.greater_equal, "min_rsi"),
    Gate("rsi", np.less_equal, "max_rsi"),
)
_PUBLISHED = {
    "entry_threshold": TRADE_READY_SCORE,
    "min_relvol30": 2.5,
    "min_atr_fraction": 0.04,
    "above_close_over_vwap": 1.0,
    "min_rsi": 60.0,
    "max_rsi": 70.0,
    "stop_multiple": 2.0,
    "holding_bars": 10.0,
}
_CHOICES = {
    "entry_threshold": (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 75.0),
    "min_relvol30": (0.75, 1.0, 1.25, 1.5, 2.0, 2.5),
    "min_atr_fraction": (0.0, 0.01, 0.015, 0.02, 0.03, 0.04),
    "above_close_over_vwap": (0.0, 0.98, 1.0, 1.02),
    "min_rsi": (40.0, 50.0, 55.0, 60.0),
    "max_rsi": (70.0, 75.0, 80.0, 100.0),
    "stop_multiple": (1.5, 2.0, 2.5, 3.0, 4.0),
    "holding_bars": (3.0, 5.0, 10.0, 15.0, 20.0),
}


def hybrid_v1() -> Strategy:
    """Return the strategy as published."""
    return Strategy(
        name="hybrid_v1",
        weights={
            "volume_momentum": 0.35,
            "squeeze": 0.25,
            "catalyst": 0.20,
            "options": 0.10,
            "technical": 0.10,
        },
        available=("volume_momentum", "technical"),
        gates=_GATES,
        published=_PUBLISHED,
        choices=_CHOICES,
        read=_read,
        watchlist_score=WATCHLIST_SCORE,
    )


def _read(bars: Bars) -> Reading:
    atr = average_true_range(bars.high, bars.low, bars.close)
    vwap = rolling_vwap(bars.high, bars.low, bars.close, bars.volume)
    features = {
        "relvol30": relative_volume(bars.volume),
        "atr_fraction": ratio(atr, bars.close),
        "close_over_vwap": ratio(bars.close, vwap),
        "rsi": cutler_rsi(bars.close),
    }
    components = {
        "volume_momentum": _volume_momentum(features, up_days(bars.close)),
        "technical": _technical(features["rsi"], bars.close),
    }
    return Reading(features, components, atr)


def _volume_momentum(features: Mapping[str, Floats], rising: Floats) -> Floats:
    return (
        0.45 * np.clip((features["relvol30"] - 2.5) / 5.5, 0.0, 1.0)
        + 0.20 * np.clip((rising - 2.0) / 4.0, 0.0, 1.0)
        + 0.20 * (features["close_over_vwap"] > 1.0)
        + 0.15 * np.clip((features["atr_fraction"] - 0.04) / 0.06, 0.0, 1.0)
    )


def _technical(rsi: Floats, close: Floats) -> Floats:
    crossed = exponential_mean(close, 9) > exponential_mean(close, 20)
    in_band = (rsi >= _PUBLISHED["min_rsi"]) & (rsi <= _PUBLISHED["max_rsi"])
    return 0.6 * crossed + 0.4 * in_band
