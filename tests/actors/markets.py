"""A market of a test's own, with a clock that only the test moves."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import stamina

from actors.market.market import Market, open_market
from orchestration.context import Shared
from orchestration.settings import load
from tests.actors.stub_vendors import Reply, StubVendors
from tests.clock import FakeClock
from trading.vendors.vendor import Asked

KEYS = {"polygon": "polygon-key-0123", "alpha_vantage": "alpha-key-456789"}
WEEK = Asked("IBM", date(2025, 9, 2), date(2025, 9, 8))
DOWN = Reply(500, {"status": "ERROR"})


class MemoryShared:
    """Shared values in this process; like the real ones it may run a change more than once."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._lock = Lock()

    def get(self, key: str) -> Any:
        return json.loads(self._values.get(key, "null"))

    def under(self, prefix: str) -> Mapping[str, Any]:
        return {key: self.get(key) for key in sorted(self._values) if key.startswith(prefix)}

    def update(self, key: str, change: Callable[[Any], Any]) -> Any:
        with self._lock:
            change(self.get(key))
            new = change(self.get(key))
            self._values[key] = json.dumps(new, allow_nan=False)
            if new is None:
                del self._values[key]
            return self.get(key)

    def now(self) -> datetime:
        return datetime.now(UTC)


def make_market(
    stub: StubVendors, clock: FakeClock, home: Path, shared: Shared, **environ: str
) -> Market:
    """The three vendors at the stub's address; waiting moves the clock."""
    given = {
        "POLYGON_URL": stub.url,
        "POLYGON_API_KEY": KEYS["polygon"],
        "YAHOO_URL": stub.url,
        "ALPHA_VANTAGE_URL": stub.url,
        "ALPHA_VANTAGE_API_KEY": KEYS["alpha_vantage"],
        "ORCHESTRATION_HOME": str(home),
        **environ,
    }
    market = open_market(shared, load(given))
    return replace(
        market, clock=clock, sleep=lambda seconds: clock.advance(timedelta(seconds=seconds))
    )


@contextmanager
def unhurried() -> Iterator[None]:
    """Retries as often as in production, but without the pauses between them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
