"""Small made-up price series, for tests only."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from trading.bars import Bars
from trading.sessions import sessions


def make_bars(closes: Sequence[float], symbol: str = "TEST", first: str = "2010-01-04") -> Bars:
    """Bars that open at the close before, with a range of 1 % around both."""
    close = np.array(closes, dtype=np.float64)
    days = sessions(
        np.datetime64(first), np.datetime64(first) + np.timedelta64(2 * len(close) + 10, "D")
    )
    opened = np.concatenate([close[:1], close[:-1]])
    return Bars(
        symbol,
        days[: len(close)],
        opened,
        np.maximum(opened, close) * 1.01,
        np.minimum(opened, close) * 0.99,
        close,
        np.full(len(close), 1000.0),
    )


def unchanged(lines: list[str]) -> list[str]:
    return lines


def write_csv(
    directory: Path, bars: Bars, edit: Callable[[list[str]], list[str]] = unchanged
) -> Path:
    """Write bars as <SYMBOL>.csv, the lines changed by `edit`, and return the directory."""
    columns = (bars.dates, bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    lines = edit(["date,open,high,low,close,volume", *rows])
    (directory / f"{bars.symbol}.csv").write_text("\n".join(lines) + "\n")
    return directory
