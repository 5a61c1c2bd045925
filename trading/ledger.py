"""The ledger of a backtest, complete enough to compute every metric again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trade:
    """One position from its entry to its exit.

    Dates are ISO 8601; prices include slippage; `fees` are those of both fills; `profit` is
    quantity * (exit_price - entry_price) - fees.
    """

    symbol: str
    entered: str
    entry_price: float
    left: str
    exit_price: float
    quantity: int
    fees: float
    profit: float

    def as_json(self) -> dict[str, str | float | int]:
        """Return the trade as it stands in a trade list."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Equity:
    """Cash and positions at one day's close; the first one of a curve is the capital."""

    date: str
    equity: float

    def as_json(self) -> dict[str, str | float]:
        """Return the point as it stands in an equity curve."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The trades in the order of their entry, and the equity of the eve and of every day."""

    trades: tuple[Trade, ...]
    curve: tuple[Equity, ...]

    def as_json(self) -> dict[str, object]:
        """Return `trade_list` and `equity_curve`."""
        return {
            "trade_list": [trade.as_json() for trade in self.trades],
            "equity_curve": [point.as_json() for point in self.curve],
        }

    @classmethod
    def from_json(
        cls,
        trade_list: Sequence[Mapping[str, Any]],
        equity_curve: Sequence[Mapping[str, Any]],
    ) -> "Ledger":
        """Read back what `as_json` wrote."""
        return cls(
            tuple(Trade(**trade) for trade in trade_list),
            tuple(Equity(**point) for point in equity_curve),
        )
