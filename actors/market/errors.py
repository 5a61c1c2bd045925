"""What may keep us from asking a vendor at all."""

from datetime import timedelta

from trading.errors import VendorError


class CircuitOpenError(VendorError):
    """The vendor failed too often of late: ask another, or again after `retry_after`."""

    def __init__(self, source: str, retry_after: timedelta) -> None:
        seconds = retry_after.total_seconds()
        super().__init__(source, f"it failed too often and is left alone for {seconds:.0f} s")
        self.retry_after = retry_after
