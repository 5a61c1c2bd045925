"""How large a run of chaos is, and what is written down while it goes on."""

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """How large a run is.

    Attributes:
        kills: How many faults must have hit somebody who held something.
        gap_s: Shortest and longest pause between two strikes, in seconds.
        order_s: Shortest time between two orders, in seconds, so that what is measured is not how
            long one waits in a crowd.
        most_s: After so long nothing more is broken, however few faults have hit.
        outages: How often RabbitMQ, and PostgreSQL, is killed on the way.
    """

    workflows: int
    kills: int
    seed: int
    gap_s: tuple[float, float] = (0.3, 0.9)
    order_s: float = 0.1
    most_s: float = math.inf
    outages: int = 1


@dataclass
class Ledger:
    """What was done to whom.

    Attributes:
        hits: Faults that hit somebody who held something, by kind.
        held: What the victims held, by what it was.
        others: Faults that are no kills, by kind.
        outages: From when to when something was away that everybody stands on, and what.
    """

    hits: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    outages: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return self.hits.total()

    def hit(self, kind: str, held: str) -> None:
        """Count a fault that hurt."""
        self.hits[kind] += 1
        self.held[held] += 1

    def was_out(self, begin: float, end: float) -> bool:
        """Whether something was away in a stretch of time."""
        return any(begin < up and down < end for down, up, _ in self.outages)
