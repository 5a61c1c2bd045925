"""The figures by which a strategy is judged, computed from its ledger alone.

Sums are exact (math.fsum), so the same ledger gives the same bits on every machine.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

from trading.ledger import Equity, Ledger, Trade

SESSIONS_A_YEAR = 252


@dataclass(frozen=True, slots=True)
class Metrics:
    """Fractions are of 1; None stands where a figure is undefined, and `reason` says why.

    * `total_return`: last equity over first, minus 1.
    * `sharpe_ratio`: mean over standard deviation (ddof 1) of the daily returns, times sqrt(252);
      the risk-free rate is taken as 0.
    * `max_drawdown`: the deepest fall from an earlier high, zero or negative, with the date of that
      high and of the low.
    * `win_rate`: trades with a profit above 0, over all trades.
    * `profit_factor`: the sum of profits over the sum of losses.
    * `exposure`: days whose close found a position open, over the days after the eve.
    """

    total_return: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    max_drawdown_from: str | None
    max_drawdown_to: str | None
    win_rate: float | None
    profit_factor: float | None
    trades: int
    exposure: float | None
    reason: str | None

    def as_json(self) -> dict[str, str | float | int | None]:
        """Return the metrics by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Metrics":
        """Read back what `as_json` wrote; further keys, such as the lists, are left out."""
        return cls(**{name: values[name] for name in METRIC_NAMES})

    def value(self, target: str) -> float | None:
        """Return one of the `TARGETS`."""
        return {
            "sharpe_ratio": self.sharpe_ratio,
            "total_return": self.total_return,
            "profit_factor": self.profit_factor,
            "win_rate": self.win_rate,
        }[target]


TARGETS = ("sharpe_ratio", "total_return", "profit_factor", "win_rate")
METRIC_NAMES = tuple(field.name for field in fields(Metrics))


def undefined(reason: str) -> Metrics:
    """Return the metrics of no trades at all."""
    return Metrics(None, None, None, None, None, None, None, 0, None, reason)


def measure(ledger: Ledger, without_trades: str = "no trades") -> Metrics:
    """Compute the metrics of a ledger.

    Without trades every figure is undefined, and `without_trades` is the reason given.
    """
    if not ledger.trades:
        return undefined(without_trades)
    sharpe, flat = _sharpe(ledger.curve)
    factor, lossless = _profit_factor(ledger.trades)
    depth, high, low = _drawdown(ledger.curve)
    never_fell = None if high else "equity never fell"
    reasons = [reason for reason in (flat, lossless, never_fell) if reason]
    return Metrics(
        total_return=ledger.curve[-1].equity / ledger.curve[0].equity - 1.0,
        sharpe_ratio=sharpe,
        max_drawdown=depth,
        max_drawdown_from=high,
        max_drawdown_to=low,
        win_rate=sum(trade.profit > 0 for trade in ledger.trades) / len(ledger.trades),
        profit_factor=factor,
        trades=len(ledger.trades),
        exposure=_exposure(ledger),
        reason="; ".join(reasons) or None,
    )


def _sharpe(curve: Sequence[Equity]) -> tuple[float | None, str | None]:
    values = [point.equity for point in curve]
    returns = [after / before - 1.0 for before, after in pairwise(values)]
    if len(returns) < 2:  # noqa: PLR2004 - a deviation with ddof 1 needs two values
        return None, "fewer than two daily returns"
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    if variance == 0:
        return None, "the daily returns do not vary"
    return mean / math.sqrt(variance) * math.sqrt(SESSIONS_A_YEAR), None


def _profit_factor(trades: Sequence[Trade]) -> tuple[float | None, str | None]:
    profits = math.fsum(trade.profit for trade in trades if trade.profit > 0)
    losses = -math.fsum(trade.profit for trade in trades if trade.profit < 0)
    if losses == 0:
        return None, "no losing trades, so no profit factor"
    return profits / losses, None


def _drawdown(curve: Sequence[Equity]) -> tuple[float, str | None, str | None]:
    high = curve[0]
    depth: tuple[float, str | None, str | None] = (0.0, None, None)
    for point in curve:
        if point.equity > high.equity:
            high = point
        fall = point.equity / high.equity - 1.0
        if fall < depth[0]:
            depth = (fall, high.date, point.date)
    return depth


def _exposure(ledger: Ledger) -> float:
    days = [point.date for point in ledger.curve[1:]]
    held: set[int] = set()
    for trade in ledger.trades:
        held.update(range(bisect_left(days, trade.entered), bisect_left(days, trade.left)))
    return len(held) / len(days)
