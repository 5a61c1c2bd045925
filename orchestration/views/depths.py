"""How many branches waited over a day, from the stored samples: a few numbers for each agent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.ports import Session
from orchestration.store import samples

DAY = timedelta(hours=24)
BUCKETS = 96


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waited in each quarter of an hour of the last day, the oldest first.

    Attributes:
        values: The highest sample of each quarter; None: there was no sample.
    """

    values: tuple[int | None, ...]

    @property
    def highest(self) -> int:
        """The highest sample of the day."""
        return max((value for value in self.values if value is not None), default=0)

    @property
    def known(self) -> bool:
        """Whether there was any sample."""
        return any(value is not None for value in self.values)


NOTHING = Depth((None,) * BUCKETS)


def depths(session: Session, now: datetime) -> dict[str, Depth]:
    """What waited for each agent over the last day, and under `samples.RUNS` the pending runs."""
    found = samples.highest(session, now - DAY, int((DAY / BUCKETS).total_seconds()))
    return {
        name: Depth(tuple(spans.get(number) for number in range(BUCKETS)))
        for name, spans in found.items()
    }
