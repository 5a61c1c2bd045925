"""The table `events`: what happened to runs, in order."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.store.times import moment

COLUMNS = "id, run_id, at, kind, step, branch, detail"


@dataclass(frozen=True, slots=True)
class EventRow:
    """One thing that happened; `detail` is one line for people."""

    id: int
    run_id: str
    at: datetime
    kind: str
    step: str | None
    branch: int | None
    detail: str | None


def add(
    session: Session,
    run_id: str,
    now: datetime,
    kind: str,
    place: tuple[str, int] | None = None,
    detail: str | None = None,
) -> None:
    """Write what happened, and to which branch."""
    step, branch = place or (None, None)
    session.run(
        "INSERT INTO events (run_id, at, kind, step, branch, detail) VALUES (?, ?, ?, ?, ?, ?)",
        *(run_id, now.timestamp(), kind, step, branch, detail),
    )


def after(session: Session, last: int, limit: int, run_id: str | None = None) -> list[EventRow]:
    """Events that follow one, of all runs or of one."""
    where, values = of(run_id)
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} AND id > ? ORDER BY id LIMIT ?"
    return [_read(row) for row in session.all(sql, *values, last, limit)]


def last_id(session: Session) -> int:
    """The number of the newest event; 0: there is none."""
    row = session.one("SELECT MAX(id) FROM events")
    return int(row[0]) if row and row[0] else 0


def newest(
    session: Session, limit: int, run_id: str | None = None, before: int | None = None
) -> list[EventRow]:
    """The last events of all runs or of one, if given before an event, newest first."""
    where, values = of(run_id)
    if before is not None:
        where, values = f"{where} AND id < ?", (*values, before)
    sql = f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY id DESC LIMIT ?"
    return [_read(row) for row in session.all(sql, *values, limit)]


def of(run_id: str | None) -> tuple[str, tuple[str | int, ...]]:
    """The condition for the events of one run, or of all: each by an index of its own."""
    return ("1 = 1", ()) if run_id is None else ("run_id = ?", (run_id,))


def _read(row: Row) -> EventRow:
    return EventRow(row[0], row[1], moment(row[2]), *row[3:])
