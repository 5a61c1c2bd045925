"""The only module that reads the time of day, makes ids and draws jitter.

Waits on which no decision rests may use `time.monotonic`; tokens come from `secrets`.
"""

import random
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """The clock of this machine."""

    may_be_set = True

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment before this process, never jumping."""
        return time.monotonic()

    @property
    def boot(self) -> str:
        """An id of this machine's current boot."""
        return boot_id()

    @property
    def offset(self) -> float:
        """Seconds from `monotonic` to the time of day; it jumps when the time of day is set."""
        return time.time() - time.monotonic()


@cache
def boot_id() -> str:
    """An id of this machine's current boot."""
    if BOOT_ID.exists():
        return BOOT_ID.read_text("ascii").strip()
    return str(psutil.boot_time())


def new_id() -> str:
    """A unique id of 32 hex digits."""
    return uuid4().hex


def run_hex() -> str:
    """12 hex digits for a run's id: six of the second, so that ids sort by time, and six random.

    The seconds wrap around after 194 days. Of two runs that draw the same digits, the later one
    takes the next free id (`engine.submit`).
    """
    return f"{int(time.time()) % 16**6:06x}{uuid4().hex[:6]}"


def jitter() -> float:
    """A number in [0, 1), for spreading retries."""
    return random.random()  # noqa: S311 - spreads load, keeps no secret
