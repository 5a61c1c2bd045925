"""The only module that asks the real clock and mints real ids."""

import random
import time
from datetime import UTC, datetime
from uuid import uuid4


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment before this process, never jumping."""
        return time.monotonic()


def new_id() -> str:
    """32 hex digits that nobody else has."""
    return uuid4().hex


def jitter() -> float:
    """A number in [0, 1), for spreading retries."""
    return random.random()  # noqa: S311 - spreads load, keeps no secret
