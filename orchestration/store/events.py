"""The table `events`: what happened to runs, in order."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.store.times import moment


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
    rows = session.all(
        "SELECT id, run_id, at, kind, step, branch, detail FROM events WHERE id > ?"
        " AND (CAST(? AS TEXT) IS NULL OR run_id = ?) ORDER BY id LIMIT ?",
        *(last, run_id, run_id, limit),
    )
    return list(map(_read, rows))


def newest(session: Session, limit: int, run_id: str | None = None) -> list[EventRow]:
    """The last events of all runs or of one, newest first."""
    rows = session.all(
        "SELECT id, run_id, at, kind, step, branch, detail FROM events"
        " WHERE CAST(? AS TEXT) IS NULL OR run_id = ? ORDER BY id DESC LIMIT ?",
        *(run_id, run_id, limit),
    )
    return list(map(_read, rows))


def _read(row: Row) -> EventRow:
    return EventRow(row[0], row[1], moment(row[2]), *row[3:])
