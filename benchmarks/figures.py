"""Figures of one measurement, and of several rounds of it."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one contender; every result in it was checked.

    Attributes:
        rate: Workflows a second, from the first call to the last end.
        alone_s: Seconds of each workflow that ran with nothing beside it.
        loaded_s: Seconds of each workflow under load.
    """

    rate: float
    alone_s: Sequence[float]
    loaded_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over all rounds, with its lowest and highest."""

    median: float
    lowest: float
    highest: float


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many percent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def spread(rounds: Sequence[Measured], figure: Callable[[Measured], float]) -> Spread:
    """A figure over several rounds."""
    values = [figure(each) for each in rounds]
    return Spread(statistics.median(values), min(values), max(values))


def latencies_ms(rounds: Sequence[Measured]) -> dict[str, dict[str, Spread]]:
    """For `alone` and `under_load` the percentiles in milliseconds."""

    def of(percent: int, pick: Callable[[Measured], Sequence[float]]) -> Spread:
        return spread(rounds, lambda each: 1000 * percentile(pick(each), percent))

    return {
        "alone": {f"p{n}": of(n, lambda each: each.alone_s) for n in PERCENTILES},
        "under_load": {f"p{n}": of(n, lambda each: each.loaded_s) for n in PERCENTILES},
    }
