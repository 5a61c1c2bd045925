"""Wait for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.02


def eventually(condition: Callable[[], T], *, within: float, what: str = "") -> T:
    """The first true value of a condition; an AssertionError when `within` seconds are over."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"not within {within:g} s: {name} (last value {value!r})")
        time.sleep(POLL_S)
    return value
