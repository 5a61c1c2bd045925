"""The report of a verification, in the form of the setup guide."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

RULE = "=" * 40


class Outcome(StrEnum):
    """How a scenario ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


MARKS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.ERROR: "💥", Outcome.SKIPPED: "⏭️"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one scenario."""

    scenario: str
    outcome: Outcome
    duration: timedelta
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of all scenarios."""

    findings: Sequence[Finding]

    @property
    def is_good(self) -> bool:
        """Whether no scenario failed or broke off."""
        return not self._count(Outcome.FAILED) and not self._count(Outcome.ERROR)

    @property
    def success_rate(self) -> float:
        """The share of the scenarios run that passed, in percent."""
        ran = len(self.findings) - self._count(Outcome.SKIPPED)
        return 100 * self._count(Outcome.PASSED) / ran if ran else 0.0

    def text(self) -> str:
        """The report for people."""
        lines = [
            "📊 RABBITMQ ORCHESTRATION TEST REPORT",
            RULE,
            "📈 TEST SUMMARY:",
            f"   • Total Tests: {len(self.findings)}",
            f"   • Passed: {self._count(Outcome.PASSED)}",
            f"   • Failed: {self._count(Outcome.FAILED)}",
            f"   • Errors: {self._count(Outcome.ERROR)}",
            f"   • Skipped: {self._count(Outcome.SKIPPED)}",
            f"   • Success Rate: {self.success_rate:.1f}%",
            "",
            "📋 SCENARIOS:",
        ]
        for each in self.findings:
            seconds = each.duration.total_seconds()
            lines.append(
                f"   {MARKS[each.outcome]} {each.scenario}: {each.outcome.value},"
                f" {seconds:.2f} s: {each.detail}"
            )
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "total": len(self.findings),
            "passed": self._count(Outcome.PASSED),
            "failed": self._count(Outcome.FAILED),
            "errors": self._count(Outcome.ERROR),
            "skipped": self._count(Outcome.SKIPPED),
            "success_rate": round(self.success_rate, 1),
            "scenarios": [
                {
                    "name": each.scenario,
                    "outcome": each.outcome.value,
                    "duration_seconds": round(each.duration.total_seconds(), 3),
                    "detail": each.detail,
                }
                for each in self.findings
            ],
        }

    def _count(self, outcome: Outcome) -> int:
        return Counter(each.outcome for each in self.findings)[outcome]
