"""The error for a vendor that is not asked at all."""

from datetime import timedelta

from trading.errors import VendorError


class CircuitOpenError(VendorError):
    """The vendor failed too often of late: ask another, or again after `retry_after`.

    Attributes:
        cause: What was wrong the last time; empty: not known.
    """

    def __init__(self, source: str, retry_after: timedelta, cause: str = "") -> None:
        seconds = retry_after.total_seconds()
        last = f"{cause}; " if cause else ""
        super().__init__(source, f"{last}it failed too often and is left alone for {seconds:.0f} s")
        self.cause = cause
        self.retry_after = retry_after
