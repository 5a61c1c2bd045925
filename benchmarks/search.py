"""The domain's hot path: one search of 100 parameter sets over 100 symbols of 10 years."""

import time
from dataclasses import dataclass

import numpy as np

from trading.account import Account
from trading.bars import Bars
from trading.optimise import Search, optimise
from trading.panel import Panel
from trading.strategies.hybrid_v1 import hybrid_v1
from trading.strategies.legacy_v0 import legacy_v0
from trading.study import Study
from trading.window import WARM_UP_BARS, Window, Windows

SYMBOLS, DAYS, EVALUATIONS = 100, 2_520, 100
LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Searched:
    """Seconds of one core, and the trades in sample of the chosen parameters."""

    strategy: str
    seconds: float
    trades: int


def universe() -> list[Bars]:
    """Prices that move at random, the same each time."""
    random = np.random.default_rng(1)
    dates = np.arange("2015-01-01", "2026-01-01", dtype="datetime64[D]")
    dates = dates[np.is_busday(dates)][:DAYS]
    return [series(f"S{number}", dates, random) for number in range(SYMBOLS)]


def series(
    symbol: str,
    dates: "np.ndarray[tuple[int], np.dtype[np.datetime64]]",
    random: np.random.Generator,
) -> Bars:
    """One symbol."""
    close = 50 * np.exp(np.cumsum(random.normal(0.0003, 0.03, DAYS)))
    opened = close * np.exp(random.normal(0, 0.01, DAYS))
    high = np.maximum(opened, close) * (1 + np.abs(random.normal(0, 0.01, DAYS)))
    low = np.minimum(opened, close) * (1 - np.abs(random.normal(0, 0.01, DAYS)))
    volume = np.round(1e6 * np.exp(random.normal(0, 0.7, DAYS)))
    return Bars(symbol, dates, opened, high, low, close, volume)


def run_search() -> list[Searched]:
    """Each strategy searched, one after the other, nearly all days in sample."""
    panel = Panel.stack(universe())
    last = DAYS - SYMBOLS
    judged = Window(last, DAYS - 1)
    windows = Windows(judged, Window(WARM_UP_BARS, last - 1), judged, None)
    found = []
    for strategy in (legacy_v0(), hybrid_v1()):
        began = time.process_time()
        study = Study.of(strategy, panel)
        best = optimise(study, windows, Account(100_000, 0.02), Search(iterations=EVALUATIONS))
        seconds = time.process_time() - began
        found.append(Searched(strategy.name, seconds, best.in_sample.metrics.trades))
    return found


def lines(found: list[Searched]) -> list[str]:
    """The figures for people."""
    return [
        f"{'met' if each.seconds <= LONGEST_S else 'MISSED':7}{each.strategy}: {EVALUATIONS}"
        f" parameter sets over {SYMBOLS} symbols of {DAYS} days, at most {LONGEST_S:g} s of a core:"
        f" {each.seconds:.1f} ({each.trades} trades in sample)"
        for each in found
    ]
