"""The findings of checks of the data."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a finding stops the work or travels along in the result."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one symbol's data, with the rule that it breaks.

    `date` is the bar's date (ISO 8601), or None where the finding is about the whole series.
    """

    symbol: str
    date: str | None
    rule: str
    severity: Severity
    message: str

    @property
    def stops(self) -> bool:
        """Whether the data must not be used."""
        return self.severity is Severity.ERROR

    def as_json(self) -> dict[str, str | None]:
        """Return the finding as it stands in results."""
        return {
            "symbol": self.symbol,
            "date": self.date,
            "rule": self.rule,
            "severity": self.severity.value,
            "message": self.message,
        }
