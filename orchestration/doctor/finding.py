"""A finding: what one check saw, how bad that is, and what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw.

    Attributes:
        check: The check, in a word or two.
        what: One line for people.
        cure: The next thing to do; empty: nothing is to be done.
        unreachable: Whether something could not be reached, so that later checks were left out.
    """

    check: str
    level: Level
    what: str
    cure: str = ""
    unreachable: bool = False


def ok(check: str, what: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check, Level.OK, what)


def warning(check: str, what: str, cure: str) -> Finding:
    """It works, and may stop working."""
    return Finding(check, Level.WARNING, what, cure)


def problem(check: str, what: str, cure: str, *, unreachable: bool = False) -> Finding:
    """It does not work, or not as it should."""
    return Finding(check, Level.PROBLEM, what, cure, unreachable)
