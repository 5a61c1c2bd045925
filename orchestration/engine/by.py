"""Who does something, and why."""

from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why."""

    actor: str
    reason: str = ""

    @override
    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}" if self.reason else self.actor
