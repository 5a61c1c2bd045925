"""A panel as a strategy sees it: computed once, asked for many parameter sets."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trading.arrays import Flags, Floats
from trading.panel import Panel
from trading.progress import OnProgress, unheard
from trading.strategies.strategy import Parameters, Strategy
from trading.window import Window

# Logarithms may differ in the last bit between processors; a rank among scores must not.
_SCORE_DECIMALS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The strategy's features and scores, one value a row of the panel.

    `raw` is the sum of weight times component over the available components, 0..100; `score` is
    the same divided by their part of the whole weight, which renormalises it to 0..100.
    """

    strategy: Strategy
    panel: Panel
    features: Mapping[str, Floats]
    raw: Floats
    score: Floats
    stop_range: Floats

    @classmethod
    def of(cls, strategy: Strategy, panel: Panel, on_progress: OnProgress = unheard) -> "Study":
        """Compute the strategy's indicators, symbol by symbol."""
        readings = []
        for at, bars in enumerate(panel.series):
            readings.append(strategy.read(bars))
            on_progress((at + 1) / len(panel.series), f"{strategy.name} read {bars.symbol}")
        weighted = [
            sum(strategy.weights[name] * reading.components[name] for name in strategy.available)
            for reading in readings
        ]
        raw = np.round(100.0 * np.concatenate(weighted), _SCORE_DECIMALS)
        features = {
            name: np.concatenate([reading.features[name] for reading in readings])
            for name in readings[0].features
        }
        stop_range = np.concatenate([reading.stop_range for reading in readings])
        score = np.round(raw / strategy.coverage, _SCORE_DECIMALS)
        return cls(strategy, panel, features, raw, score, stop_range)

    def passes(self, parameters: Parameters) -> Flags:
        """Tell for each row whether it passes every gate."""
        passed = np.ones(len(self.score), dtype=np.bool_)
        for gate in self.strategy.gates:
            passed &= gate.passes(self.features[gate.feature], parameters[gate.parameter])
        return passed

    def signals(self, parameters: Parameters) -> Flags:
        """Tell for each row whether it passes every gate and reaches the entry threshold."""
        return self.passes(parameters) & (self.score >= parameters["entry_threshold"])

    def describe(self, parameters: Parameters, window: Window) -> str:
        """Say in one line how near the window's bars came to a signal."""
        day = self.panel.day
        inside = (day >= window.eve) & (day < window.last)
        passed = self.passes(parameters) & inside & np.isfinite(self.score)
        line = f"gates passed on {passed.sum()} of {inside.sum()} bars"
        if not passed.any():
            return line
        best = int(np.flatnonzero(passed)[np.argmax(self.score[passed])])
        return (
            f"{line}; best score there {self.score[best]:.1f} (raw {self.raw[best]:.1f}), "
            f"entry from {parameters['entry_threshold']:g}"
        )
