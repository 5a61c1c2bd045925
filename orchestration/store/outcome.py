"""What an operation returned, or what it raised, as a value."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def outcome_of(operation: Callable[[], T]) -> T | Exception:
    """Call, and keep the exception instead of raising it: it belongs to one of many callers."""
    try:
        return operation()
    except Exception as error:  # noqa: BLE001 - the caller of many looks at each
        return error
