"""Branches that wait for a person, which are rows of the table `steps`."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment

# From the few steps that wait to their runs. A run is pending again after a resume without a slot.
WAITING = (
    "FROM steps s CROSS JOIN runs r WHERE s.status = 'waiting' AND r.id = s.run_id"
    " AND r.status IN ('waiting', 'running', 'paused', 'pending')"
)


def everything(session: Session, limit: int) -> list[tuple[str, str]]:
    """The run and the name of every step that waits for a person, the longest wait first."""
    rows = session.all(
        f"SELECT s.run_id, s.step, MIN(s.opened_at) {WAITING}"
        " GROUP BY s.run_id, s.step ORDER BY 3, 1, 2 LIMIT ?",
        limit,
    )
    return [(row[0], row[1]) for row in rows]


def first(session: Session, run_id: str, step: str) -> int | None:
    """The first branch of a step that waits for a person."""
    row = session.one(
        "SELECT branch FROM steps WHERE run_id = ? AND step = ? AND status = 'waiting'"
        " ORDER BY branch LIMIT 1",
        *(run_id, step),
    )
    return None if row is None else int(row[0])


def deadline(session: Session, run_id: str, step: str) -> datetime | None:
    """The earliest deadline of a step that waits for a person; None: it does not wait for one."""
    row = session.one(
        "SELECT MIN(deadline) FROM steps WHERE run_id = ? AND step = ? AND status = 'waiting'",
        *(run_id, step),
    )
    return moment(row[0]) if row else None


def another(session: Session, command: str, step: str) -> str | None:
    """A run of a command that waits for a person at a step, if any does."""
    row = session.one(
        f"SELECT r.id {WAITING} AND r.command = ? AND s.step = ? LIMIT 1",
        *(command, step),
    )
    return row[0] if row else None


def set_timer(session: Session, run_id: str, step: str, at: datetime) -> None:
    """Set the timer of the branches of a step that wait for a person."""
    session.run(
        "UPDATE steps SET due_at = ? WHERE run_id = ? AND step = ? AND status = 'waiting'",
        *(at.timestamp(), run_id, step),
    )


def count_others(session: Session, run_id: str, command: str, step: str, most: int) -> int:
    """How many other runs of a command wait for a person at a step, counted up to `most`."""
    row = session.one(
        f"SELECT COUNT(*) FROM (SELECT DISTINCT r.id {WAITING} AND r.command = ? AND s.step = ?"
        " AND r.id <> ? LIMIT ?) AS others",
        *(command, step, run_id, most),
    )
    return int(row[0]) if row else 0
