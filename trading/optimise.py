"""The search for parameters: learned on some days, judged on later ones.

Draws come from the bit stream of PCG64, which NumPy promises to keep; its distributions are not so
promised, and not used. So one seed means the same parameter sets on every machine and version.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trading.account import Account
from trading.backtest import backtest
from trading.errors import ParameterError
from trading.ledger import Ledger
from trading.metrics import TARGETS, Metrics, measure, undefined
from trading.progress import OnProgress, unheard
from trading.strategies.strategy import Parameters, Strategy
from trading.study import Study
from trading.window import Window, Windows

LEAST_TRADES_IN_SAMPLE = 20
MOST_ITERATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Search:
    """What to search for: the metric to raise, how many parameter sets to try, and the seed.

    Raises:
        ParameterError: The metric is no target, or a number is out of its bounds.
    """

    target: str = "sharpe_ratio"
    iterations: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise ParameterError("target", self.target, f"one of {', '.join(TARGETS)}")
        if not 1 <= self.iterations <= MOST_ITERATIONS:
            raise ParameterError("iterations", self.iterations, f"1 to {MOST_ITERATIONS}")
        if self.seed < 0:
            raise ParameterError("seed", self.seed, "at least 0")


@dataclass(frozen=True, slots=True)
class Sample:
    """One window's metrics with the ledger they were computed from."""

    metrics: Metrics
    ledger: Ledger

    def as_json(self) -> dict[str, object]:
        """Return the metrics with `trade_list` and `equity_curve`."""
        return {**self.metrics.as_json(), **self.ledger.as_json()}


@dataclass(frozen=True, slots=True)
class Optimised:
    """The best parameters in sample, and how they did in sample and out of it, side by side.

    `parameters` is None where no set made enough trades in sample to be chosen.
    """

    parameters: Parameters | None
    in_sample: Sample
    out_of_sample: Sample

    def as_json(self) -> dict[str, object]:
        """Return the search's outcome as it stands in results."""
        return {
            "parameters": None if self.parameters is None else dict(self.parameters),
            "in_sample": self.in_sample.as_json(),
            "out_of_sample": self.out_of_sample.as_json(),
        }


def draws(strategy: Strategy, search: Search) -> Iterator[Parameters]:
    """Yield parameter sets: the published ones first, then random ones among the choices."""
    yield dict(strategy.published)
    name = int.from_bytes(hashlib.sha256(strategy.name.encode()).digest()[:8], "big")
    bits = np.random.PCG64(np.random.SeedSequence([search.seed, name]))
    for _ in range(search.iterations - 1):
        drawn = {
            key: values[bits.random_raw() % len(values)] for key, values in strategy.choices.items()
        }
        yield {**strategy.published, **drawn}


def optimise(
    study: Study,
    windows: Windows,
    account: Account,
    search: Search,
    on_progress: OnProgress = unheard,
) -> Optimised:
    """Choose the parameters with the highest target in sample, and try them once out of sample.

    Only sets with at least 20 trades in sample can be chosen; of equals the first one is.
    """
    best: tuple[float, Parameters] | None = None
    tried: dict[tuple[float, ...], float | None] = {}
    for at, parameters in enumerate(draws(study.strategy, search)):
        key = tuple(parameters.values())
        if key not in tried:
            tried[key] = _merit(study, parameters, windows.in_sample, account, search.target)
            value = tried[key]
            if value is not None and (best is None or value > best[0]):
                best = (value, parameters)
        on_progress(
            (at + 1) / search.iterations,
            f"{study.strategy.name}: {at + 1} of {search.iterations} parameter sets",
        )
    if best is None:
        return _nothing_chosen(len(tried))
    return Optimised(
        best[1],
        sample(study, best[1], windows.in_sample, account),
        sample(study, best[1], windows.out_of_sample, account),
    )


def sample(study: Study, parameters: Parameters, window: Window, account: Account) -> Sample:
    """Trade the parameters over the window and measure the outcome."""
    ledger = backtest(study, parameters, window, account)
    return Sample(measure(ledger, no_trades(study, parameters, window)), ledger)


def no_trades(study: Study, parameters: Parameters, window: Window) -> str:
    """Say why a window without trades had none."""
    return f"no trades: {study.describe(parameters, window)}"


def _merit(
    study: Study, parameters: Parameters, window: Window, account: Account, target: str
) -> float | None:
    ledger = backtest(study, parameters, window, account)
    if len(ledger.trades) < LEAST_TRADES_IN_SAMPLE:
        return None
    return measure(ledger).value(target)


def _nothing_chosen(tried: int) -> Optimised:
    reason = (
        f"none of {tried} different parameter sets made {LEAST_TRADES_IN_SAMPLE} trades in sample "
        "with a defined target"
    )
    nothing = Sample(undefined(reason), Ledger((), ()))
    return Optimised(None, nothing, nothing)
