"""Tests whether sources can be reached and have prices, by a real request to each."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from actors.market.enquiry import ask
from actors.market.feed import told
from actors.market.market import Market
from trading.checks import require_usable
from trading.errors import TradingError
from trading.progress import OnProgress, unheard
from trading.sessions import last_closed_day
from trading.vendors.vendor import Asked

# Long enough to hold sessions even around holidays.
STRETCH = timedelta(days=10)


def try_connections(
    market: Market, names: Sequence[str], symbol: str, on_progress: OnProgress = unheard
) -> list[dict[str, Any]]:
    """Ask each source, never the disk, for a few days of one symbol, and report the outcomes.

    Raises:
        ParameterError: A source is unknown.
    """
    last = last_closed_day(market.clock.now())
    asked = Asked(symbol, last - STRETCH, last)
    on_progress(0.0, f"asking {', '.join(names)}")
    tried = []
    for name in names:
        tried.append(_tried(market, market.provider(name).name, asked))
        on_progress(len(tried) / len(names), f"{name}: {tried[-1]['reason'] or 'usable'}")
    return tried


def _tried(market: Market, name: str, asked: Asked) -> dict[str, Any]:
    said = {"source": name, "symbol": asked.symbol}
    try:
        bars = ask(market, name, asked)
        require_usable(bars)
    except TradingError as error:
        return {**said, "usable": False, "reason": told(error), "error": type(error).__name__}
    return {
        **said,
        "usable": True,
        "reason": None,
        "bars": len(bars),
        "last_bar": str(bars.dates[-1]),
        "adjustment": market.provider(name).vendor.adjustment,
    }
