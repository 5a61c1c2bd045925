"""The benchmark of a strategy: the return of buying and holding."""

from dataclasses import asdict, dataclass

import numpy as np

from trading.dataset import Dataset
from trading.window import Window

EQUAL_WEIGHT = "equal-weight buy-and-hold of the universe"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The benchmark asked for, the one used, and why they differ (None if they do not).

    `total_return` is a fraction, from the close of the window's eve to its last close, without
    costs.
    """

    requested: str
    used: str
    reason: str | None
    total_return: float

    def as_json(self) -> dict[str, str | float | None]:
        """Return the benchmark as it stands in results."""
        return asdict(self)


def hold(dataset: Dataset, window: Window) -> Benchmark:
    """Return what holding the benchmark over the window would have brought.

    If the source lacks the benchmark, the same sum is put into each symbol of the universe. A
    symbol without a bar on the eve is held from its first bar on.
    """
    requested = dataset.benchmark_symbol
    if dataset.benchmark is not None and np.isfinite(dataset.benchmark[window.eve]):
        gained = dataset.benchmark[window.last] / dataset.benchmark[window.eve] - 1.0
        return Benchmark(requested, requested, None, float(gained))
    lacking = "has no bars" if dataset.benchmark is None else "has no bars early enough"
    reason = f"{requested} {lacking} in the source {dataset.provenance.source}"
    marks = dataset.panel.marks[:, window.eve : window.last + 1]
    base = [row[np.isfinite(row)][0] for row in marks]
    gained = np.mean(marks[:, -1] / np.array(base)) - 1.0
    return Benchmark(requested, EQUAL_WEIGHT, reason, float(gained))
