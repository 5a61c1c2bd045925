"""What RQ's workers of discovery do; the functions are named by jobs in Redis."""

import os
import platform
from collections.abc import Sequence
from typing import Any

from actors.discovery.scanning import scan_source
from actors.prices import configured_source


def probe() -> dict[str, Any]:
    """Say who would scan, and what; that it is answered is what counts."""
    source = configured_source()
    return {"host": platform.node(), "pid": os.getpid(), "source": source.name}


def scan(strategy: str, symbols: Sequence[str] | None = None) -> dict[str, Any]:
    """Scan the configured source, or some of its symbols, with a strategy.

    Raises:
        TradingError: The strategy, a symbol or the prices are not usable.
    """
    return scan_source(configured_source(), strategy, symbols)
