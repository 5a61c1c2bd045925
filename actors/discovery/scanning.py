"""A scan of the active source with the active strategy."""

from collections.abc import Sequence
from typing import Any

from trading.scan import scan
from trading.sources.source import Source
from trading.strategies import strategy_named

ACTIVE_STRATEGY = "active_strategy"
DEFAULT_STRATEGY = "hybrid_v1"


def scan_source(source: Source, strategy: str, symbols: Sequence[str] | None) -> dict[str, Any]:
    """Score the symbols of a source, all of them where none is named, on their latest bars.

    Raises:
        TradingError: The strategy or a symbol is unknown, or the prices are not usable.
    """
    chosen = strategy_named(strategy)
    return scan(chosen, source.load(list(symbols or source.available()))).as_json()
