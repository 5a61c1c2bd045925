"""How much waited over a day, from the samples that are kept: a few numbers for each agent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.ports import Session
from orchestration.store import samples
from orchestration.store.samples import Sample

DAY = timedelta(hours=24)
BUCKETS = 96


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waited in each quarter of an hour of the last day, the oldest first.

    Attributes:
        values: The highest in each; None: nobody looked.
    """

    values: tuple[int | None, ...]

    @property
    def highest(self) -> int:
        """The most that waited."""
        return max((value for value in self.values if value is not None), default=0)

    @property
    def known(self) -> bool:
        """Whether anybody looked."""
        return any(value is not None for value in self.values)


NOTHING = Depth((None,) * BUCKETS)


def depths(session: Session, now: datetime) -> dict[str, Depth]:
    """The last day of each agent, and under `samples.RUNS` that of the runs."""
    begin = now - DAY
    found: dict[str, list[Sample]] = {}
    for sample in samples.since(session, begin):
        found.setdefault(sample.name, []).append(sample)
    return {name: depth(mine, begin) for name, mine in found.items()}


def depth(found: Iterable[Sample], begin: datetime) -> Depth:
    """The samples of one name, as the highest value of each bucket."""
    values: list[int | None] = [None] * BUCKETS
    for sample in found:
        at = min(int((sample.at - begin) / DAY * BUCKETS), BUCKETS - 1)
        values[at] = max(values[at] or 0, sample.waiting)
    return Depth(tuple(values))
