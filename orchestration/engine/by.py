"""The actor of a change, and the reason."""

from collections.abc import Collection
from dataclasses import dataclass

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class By:
    """The actor of a change, and the reason.

    Attributes:
        bound: Whether a token identifies the actor, who then may not answer for a run of theirs.
        also: Every other name under which a run counts as the actor's own.
    """

    actor: str
    reason: str = ""
    bound: bool = False
    also: frozenset[str] = frozenset()

    def owns(self, names: Collection[str]) -> bool:
        """Whether a run is the actor's own, provided that a token identifies the actor.

        Args:
            names: Everybody who has caused the run.
        """
        return self.bound and not {self.actor, *self.also}.isdisjoint(names)

    @override
    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}" if self.reason else self.actor
