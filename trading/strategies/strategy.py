"""What a strategy is: gates to pass, and a score from weighted components."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trading.arrays import Floats
from trading.bars import Bars

Parameters = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Gate:
    """A feature must stand in this relation (a comparing ufunc) to the parameter's value."""

    feature: str
    passes: np.ufunc
    parameter: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a strategy sees in one symbol's bars: one value a bar.

    `features` feed the gates; `components`, each 0..1, feed the score. `stop_range` is the average
    true range, as a price, from which the stop is measured.
    """

    features: Mapping[str, Floats]
    components: Mapping[str, Floats]
    stop_range: Floats


@dataclass(frozen=True, slots=True)
class Strategy:
    """A published scoring, the parameters it was published with, and those to search among.

    `weights` names every published component; bars alone allow the `available` ones. The parameters
    are `entry_threshold` (renormalised score, 0..100), `stop_multiple` (average true ranges),
    `holding_bars`, and one level for each gate. `watchlist_score` is the published score from which
    a candidate is watched, None where none is published.
    """

    name: str
    weights: Mapping[str, float]
    available: tuple[str, ...]
    gates: tuple[Gate, ...]
    published: Parameters
    choices: Mapping[str, tuple[float, ...]]
    read: Callable[[Bars], Reading]
    watchlist_score: float | None = None

    @property
    def coverage(self) -> float:
        """Which part of the published weight the available components carry, 0..1."""
        return sum(self.weights[name] for name in self.available)
