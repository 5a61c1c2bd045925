"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Both clocks of the port `Clock`, moved by hand."""

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

    def advance(self, span: timedelta) -> None:
        """Let time go by."""
        self._now += span
        self._monotonic += span.total_seconds()

    def jump(self, span: timedelta) -> None:
        """Set the time of day, as an administrator would."""
        self._now += span
