"""A scan of the active source with the active strategy."""

from typing import Any

from trading.scan import scan
from trading.sources.source import Prices
from trading.strategies import strategy_named
from trading.strategies.strategy import Parameters

ACTIVE_STRATEGY = "active_strategy"
DEFAULT_STRATEGY = "hybrid_v1"


def scan_prices(
    prices: Prices, strategy: str, parameters: Parameters | None = None
) -> dict[str, Any]:
    """Score symbols on their latest bars, with these parameters or else the published ones.

    Raises:
        TradingError: The strategy is unknown, or the prices are not usable.
    """
    return scan(strategy_named(strategy), prices, parameters).as_json()
