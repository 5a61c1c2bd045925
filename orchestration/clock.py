"""The only module that asks the real clock and mints real ids."""

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

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment before this process, never jumping."""
        return time.monotonic()

    @property
    def boot(self) -> str:
        """What this boot of this machine has and no other."""
        return boot_id()

    @property
    def offset(self) -> float:
        """Seconds by which the time of day is ahead of `monotonic`; it jumps when that is set."""
        return time.time() - time.monotonic()


@cache
def boot_id() -> str:
    """What this boot of this machine has and no other."""
    if BOOT_ID.exists():
        return BOOT_ID.read_text("ascii").strip()
    return str(psutil.boot_time())


def new_id() -> str:
    """32 hex digits that nobody else has."""
    return uuid4().hex


def run_hex() -> str:
    """12 hex digits: six of the second, so that runs of one time lie together, and six of chance.

    The seconds begin again after 194 days. Of two runs that draw the same digits, the later one
    gives way (`engine.submit`).
    """
    return f"{int(time.time()) % 16**6:06x}{uuid4().hex[:6]}"


def jitter() -> float:
    """A number in [0, 1), for spreading retries."""
    return random.random()  # noqa: S311 - spreads load, keeps no secret
