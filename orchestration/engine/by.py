"""Who does something, and why."""

from collections.abc import Collection
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why.

    Attributes:
        bound: Whether a token tells him from others: then he answers for no run of his own.
        also: Every other name under which a run would be his own.
    """

    actor: str
    reason: str = ""
    bound: bool = False
    also: frozenset[str] = frozenset()

    def owns(self, names: Collection[str]) -> bool:
        """Whether a run is his, as far as a token tells who he is.

        Args:
            names: Everybody who has caused it.
        """
        return self.bound and not {self.actor, *self.also}.isdisjoint(names)

    @override
    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}" if self.reason else self.actor
