"""A scan of the active source with the active strategy."""

from collections.abc import Sequence
from typing import Any

from trading.scan import scan
from trading.sources.source import Prices, Source
from trading.strategies import strategy_named
from trading.strategies.strategy import Parameters

ACTIVE_STRATEGY = "active_strategy"
DEFAULT_STRATEGY = "hybrid_v1"


def scan_source(source: Source, strategy: str, symbols: Sequence[str] | None) -> dict[str, Any]:
    """Score the symbols of a source, all of them where none is named, on their latest bars.

    Raises:
        TradingError: The strategy or a symbol is unknown, or the prices are not usable.
    """
    return scan_prices(source.load(list(symbols or source.available())), strategy)


def scan_prices(
    prices: Prices, strategy: str, parameters: Parameters | None = None
) -> dict[str, Any]:
    """Score symbols on their latest bars, with these parameters or else the published ones.

    Raises:
        TradingError: The strategy is unknown, or the prices are not usable.
    """
    return scan(strategy_named(strategy), prices, parameters).as_json()
