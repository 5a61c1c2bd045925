"""The table `samples`: how many branches waited and ran for each agent, minute by minute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment

RUNS = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The counts of one minute.

    Attributes:
        name: An agent; `RUNS`: the counts are of runs.
        at: The beginning of the minute.
        waiting: Branches, or runs, that waited to begin.
        running: Branches, or runs, that were running.
    """

    name: str
    at: datetime
    waiting: int
    running: int


def add_all(session: Session, found: Sequence[Sample]) -> None:
    """Write samples; a second sample of a minute changes nothing."""
    for sample in found:
        session.run(
            "INSERT INTO samples (name, at, waiting, running) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            *(sample.name, sample.at.timestamp(), sample.waiting, sample.running),
        )


def since(session: Session, at: datetime) -> list[Sample]:
    """Every sample since a moment, by name, then oldest first."""
    rows = session.all(
        "SELECT name, at, waiting, running FROM samples WHERE at >= ? ORDER BY name, at",
        at.timestamp(),
    )
    return [Sample(name, moment(float(when)), *counts) for name, when, *counts in rows]


def highest(session: Session, begin: datetime, seconds: int) -> dict[str, dict[int, int]]:
    """For each name the maximum of `waiting` in each span of so many seconds, by span number."""
    rows = session.all(
        "SELECT name, CAST(at - ? AS INTEGER) / ? AS span, MAX(waiting) FROM samples"
        " WHERE at >= ? GROUP BY 1, 2",
        *(begin.timestamp(), seconds, begin.timestamp()),
    )
    found: dict[str, dict[int, int]] = {}
    for name, span, waiting in rows:
        found.setdefault(name, {})[int(span)] = int(waiting)
    return found


def forget(session: Session, before: datetime, limit: int) -> int:
    """Delete at most `limit` samples that are too old."""
    return session.changed(
        "DELETE FROM samples WHERE (name, at) IN"
        " (SELECT name, at FROM samples WHERE at < ? LIMIT ?)",
        *(before.timestamp(), limit),
    )
