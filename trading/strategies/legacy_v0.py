"""AMC-TRADER's legacy_v0: a volume spike on a compressed, volatile, not falling price.

Gates and composite as AMC-TRADER publishes them. There is no published entry score: what passes
the gates is a candidate. The component `pattern` (similarity to past winners) needs float and short
interest, which bars do not have. Compression is one minus the rank of the Bollinger width (20 bars)
among the last 60; risk is one minus the published risk table's worst entry.
"""

# ruff: noqa: PLR2004 - the risk table is the published one, number by number

import numpy as np

from trading.arrays import Floats
from trading.bars import Bars
from trading.indicators import (
    average_true_range,
    band_width,
    change_over,
    ratio,
    rolling_rank,
    volume_spike,
)
from trading.strategies.strategy import Gate, Reading, Strategy

_SPIKE_OF_FULL_SCORE = 20.0
_ATR_OF_FULL_SCORE = 0.15
_LEAST_RISK = 0.2


def legacy_v0() -> Strategy:
    """Return the strategy as published."""
    return Strategy(
        name="legacy_v0",
        weights={
            "pattern": 0.25,
            "compression": 0.20,
            "risk": 0.15,
            "volume": 0.20,
            "momentum": 0.15,
            "volatility": 0.05,
        },
        available=("compression", "risk", "volume", "momentum", "volatility"),
        gates=(
            Gate("price", np.greater_equal, "min_price"),
            Gate("price", np.less_equal, "max_price"),
            Gate("volume_spike", np.greater_equal, "min_volume_spike"),
            Gate("change5", np.greater_equal, "min_change5"),
            Gate("atr_fraction", np.greater_equal, "min_atr_fraction"),
        ),
        published={
            "entry_threshold": 0.0,
            "min_price": 0.01,
            "max_price": 500.0,
            "min_volume_spike": 2.0,
            "min_change5": -0.15,
            "min_atr_fraction": 0.02,
            "stop_multiple": 2.0,
            "holding_bars": 10.0,
        },
        choices={
            "entry_threshold": (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0),
            "min_volume_spike": (1.0, 1.25, 1.5, 1.75, 2.0, 2.5),
            "min_change5": (-0.15, -0.10, -0.05, 0.0, 0.02),
            "min_atr_fraction": (0.0, 0.01, 0.015, 0.02, 0.03),
            "stop_multiple": (1.5, 2.0, 2.5, 3.0, 4.0),
            "holding_bars": (3.0, 5.0, 10.0, 15.0, 20.0),
        },
        read=_read,
    )


def _read(bars: Bars) -> Reading:
    atr = average_true_range(bars.high, bars.low, bars.close)
    features = {
        "price": bars.close,
        "volume_spike": volume_spike(bars.volume),
        "change5": change_over(bars.close, 5),
        "atr_fraction": ratio(atr, bars.close),
    }
    spike = np.log1p(features["volume_spike"]) / np.log1p(_SPIKE_OF_FULL_SCORE)
    components = {
        "compression": 1.0 - rolling_rank(band_width(bars.close)),
        "risk": 1.0 - _risk(features, change_over(bars.close, 1)),
        "volume": np.minimum(spike, 1.0),
        "momentum": np.clip(0.5 + 2.0 * features["change5"], 0.0, 1.0),
        "volatility": np.minimum(features["atr_fraction"] / _ATR_OF_FULL_SCORE, 1.0),
    }
    return Reading(features, components, atr)


def _risk(features: dict[str, Floats], change: Floats) -> Floats:
    """Return the worst of the published risks, 0.2 where none applies."""
    price, atr = features["price"], features["atr_fraction"]
    flagged = (
        (0.8, price < 0.5),
        (0.7, (features["volume_spike"] > 50.0) & (np.abs(change) < 0.02)),
        (0.6, (change < -0.10) & (atr > 0.20)),
        (0.5, features["change5"] < -0.15),
        (0.4, price < 1.0),
        (0.4, (atr > 0.25) & (np.abs(change) < 0.05)),
    )
    return np.select([flag for _, flag in flagged], [risk for risk, _ in flagged], _LEAST_RISK)
