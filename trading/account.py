"""The account of a backtest: its capital, its risk and its costs."""

import math
from dataclasses import dataclass

from trading.errors import ParameterError

BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True)
class Account:
    """Capital in the currency of the prices, and the part of equity risked between entry and stop.

    A fill is worse than its price by `slippage_bps` basis points (buys higher, sells lower) and
    costs `fee_bps` basis points of its value.

    Raises:
        ParameterError: A number is out of its bounds.
    """

    capital: float
    risk_per_trade: float
    fee_bps: float = 1.0
    slippage_bps: float = 5.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.capital) and self.capital > 0):
            raise ParameterError("capital", self.capital, "a finite number above 0")
        if not 0 < self.risk_per_trade < 1:
            raise ParameterError("risk_per_trade", self.risk_per_trade, "between 0 and 1")
        for name in ("fee_bps", "slippage_bps"):
            if not 0 <= getattr(self, name) < 1 / BASIS_POINT:
                raise ParameterError(name, getattr(self, name), "at least 0 and under 10000")

    @property
    def fee(self) -> float:
        """The fee as a fraction of a fill's value."""
        return self.fee_bps * BASIS_POINT

    @property
    def slippage(self) -> float:
        """The slippage as a fraction of a price."""
        return self.slippage_bps * BASIS_POINT
