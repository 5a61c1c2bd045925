"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from orchestration.ports import Clock, Store


class FakeClock:
    """Both clocks of the port `Clock`, moved by hand."""

    may_be_set = True

    def __init__(self) -> None:
        self.boot = "this boot"
        self._now = datetime(2025, 9, 12, 12, 0, tzinfo=UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    @property
    def offset(self) -> float:
        return self._now.timestamp() - self._monotonic

    def is_due(self) -> bool:
        """Whether a server must be asked for the time, as a server's clock does: never."""
        return False

    def advance(self, span: timedelta) -> None:
        """Let time go by."""
        self._now += span
        self._monotonic += span.total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let time go by where others would wait."""
        self.advance(timedelta(seconds=seconds))

    def jump(self, span: timedelta) -> None:
        """Set the time of day, as an administrator would."""
        self._now += span


def go_by(store: Store, clock: Clock) -> None:
    """Give a store a test's clock, whatever kind its own clock is."""
    cast(Any, store).clock = clock
