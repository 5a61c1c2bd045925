"""The size of a chaos run, and the ledger of its faults."""

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """The size of a chaos run.

    Attributes:
        kills: How many faults must have hit a process that held something.
        gap_s: Shortest and longest pause between two strikes, in seconds.
        order_s: Shortest time between two orders, in seconds, so that times are not those of an
            overloaded fleet.
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
    """The faults of a chaos run.

    Attributes:
        hits: Faults that hit a process which held something, by kind.
        held: How often victims held each kind of thing.
        others: Faults that are no kills, by kind.
        outages: Begin and end of each outage of the broker or the store, and of which.
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
        """Whether the broker or the store was away at any time between two moments."""
        return any(begin < up and down < end for down, up, _ in self.outages)
