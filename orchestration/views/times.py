"""Moments as text."""

from datetime import datetime


def iso(at: datetime | None) -> str | None:
    """A moment as text."""
    return None if at is None else at.isoformat(timespec="milliseconds")
