"""The table `schedules`: commands that start by the clock."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.errors import NotFoundError
from orchestration.ports import Row, Session
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A command, its cron expression, and what to do when the last run is still going."""

    name: str
    command: str
    parameters: str
    cron: str
    timezone: str
    overlap: str
    paused: bool
    next_at: datetime | None
    last_run: str | None
    created_at: datetime
    created_by: str | None = None


COLUMNS = (
    "name, command, parameters, cron, timezone, overlap, paused, next_at, last_run, created_at,"
    " created_by"
)


def insert(session: Session, row: ScheduleRow) -> bool:
    """Write a new schedule; False if the name is taken."""
    changed = session.changed(
        "INSERT INTO schedules (name, command, parameters, cron, timezone, overlap, paused,"
        " next_at, last_run, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        *(row.name, row.command, row.parameters, row.cron, row.timezone, row.overlap),
        *(int(row.paused), row.next_at and row.next_at.timestamp(), row.last_run),
        *(row.created_at.timestamp(), row.created_by),
    )
    return changed > 0


def get(session: Session, name: str) -> ScheduleRow:
    """One schedule.

    Raises:
        NotFoundError: There is none of this name.
    """
    rows = session.all(f"SELECT {COLUMNS} FROM schedules WHERE name = ?", name)
    if not rows:
        raise NotFoundError(f"no schedule {name!r}: `orchestrate schedules list` shows them")
    return _read(rows[0])


def everyone(session: Session) -> list[ScheduleRow]:
    """Every schedule by name."""
    return [_read(r) for r in session.all(f"SELECT {COLUMNS} FROM schedules ORDER BY name")]


def due(session: Session, now: datetime) -> list[ScheduleRow]:
    """Schedules that are due."""
    sql = f"SELECT {COLUMNS} FROM schedules WHERE paused = 0 AND next_at <= ? ORDER BY next_at"
    return [_read(row) for row in session.all(sql, now.timestamp())]


def fire(session: Session, row: ScheduleRow, next_at: datetime | None) -> bool:
    """Move a schedule to its next time; False if another process did."""
    changed = session.changed(
        "UPDATE schedules SET next_at = ? WHERE name = ? AND next_at = ?",
        *(next_at and next_at.timestamp(), row.name, row.next_at and row.next_at.timestamp()),
    )
    return changed > 0


def record(session: Session, name: str, run_id: str) -> None:
    """Write which run a schedule started last."""
    session.run("UPDATE schedules SET last_run = ? WHERE name = ?", run_id, name)


def pause(session: Session, name: str, *, paused: bool, next_at: datetime | None) -> None:
    """Stop a schedule, or let it go on from its next time."""
    session.run(
        "UPDATE schedules SET paused = ?, next_at = ? WHERE name = ?",
        *(int(paused), next_at and next_at.timestamp(), name),
    )


def delete(session: Session, name: str) -> None:
    """Forget a schedule; its runs stay."""
    session.run("DELETE FROM schedules WHERE name = ?", name)


def _read(row: Row) -> ScheduleRow:
    values = [*row[:6], bool(row[6]), moment(row[7]), row[8], moment(row[9]), row[10]]
    return ScheduleRow(*values)
