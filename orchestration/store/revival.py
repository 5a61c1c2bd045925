"""Rows of a restored store: its workers are gone, and no number is given twice."""

from dataclasses import dataclass
from datetime import UTC, datetime

from orchestration.ports import Session
from orchestration.state import ENDED
from orchestration.store import control, stops
from orchestration.store.outbox import LETTER
from orchestration.store.stops import Stop

FIRST_SECOND = datetime(2025, 1, 1, tzinfo=UTC)
ROWS_A_SECOND = 1_000_000  # more than any store writes
NUMBERED = ("audit", "data_messages", "dead_letters", "events", "outbox")


@dataclass(frozen=True, slots=True)
class Replaced:
    """The facts about the store that a backup replaces.

    Attributes:
        attempt: The highest number of an attempt in it.
        stop: The emergency stop that holds there.
    """

    attempt: int = 0
    stop: Stop | None = None


def look(session: Session) -> Replaced:
    """The facts about a store that is about to be replaced."""
    stop = stops.latest(session) if stops.is_stopped(session) else None
    return Replaced(highest_attempt(session), stop)


def highest_attempt(session: Session) -> int:
    """The highest number of an attempt in this store, or from which its attempts count."""
    row = session.one("SELECT COALESCE(MAX(attempt), 0) FROM steps")
    return max(control.life(session), row[0] if row else 0)


def next_life(session: Session, now: datetime, replaced: Replaced) -> int:
    """The number of a restore, from which attempts count: higher than that of any attempt so far.

    The same backup may be restored twice, so the number rises with the clock, by 1 a second.
    """
    seconds = int((now - FIRST_SECOND).total_seconds())
    return max(seconds, highest_attempt(session) + 1, replaced.attempt + 1)


def open_runs(session: Session) -> list[str]:
    """Every run that has not ended, oldest first."""
    marks = ", ".join("?" * len(ENDED))
    sql = f"SELECT id FROM runs WHERE status NOT IN ({marks}) ORDER BY created_at, id"
    return [row[0] for row in session.all(sql, *sorted(ENDED))]


def dismiss_workers(session: Session, now: datetime) -> None:
    """Write that every worker is gone, and that none of its attempts acts any more."""
    session.run("UPDATE workers SET left_at = ? WHERE left_at IS NULL", now.timestamp())
    session.run("DELETE FROM slots")
    session.run("UPDATE attempts SET holder = NULL, due_at = NULL WHERE holder IS NOT NULL")


def leap(session: Session, life: int) -> None:
    """Let attempts count on from the restore's number, in existing and in future steps."""
    session.run("UPDATE steps SET attempt = ? WHERE status NOT IN ('completed', 'skipped')", life)
    session.run("UPDATE runs SET attempts_from = ?", life)


def renumber(session: Session, life: int) -> None:
    """Let ids of rows count on from numbers never given; waiting messages get new ids as well."""
    for table in NUMBERED:
        lowest, highest = session.one(f"SELECT MIN(id), MAX(id) FROM {table}") or (None, None)
        first = max(life * ROWS_A_SECOND, highest or 0)
        if table == "outbox" and lowest is not None:
            session.run("UPDATE outbox SET id = id + ?", first - lowest + 1)
            first += highest - lowest + 1
        session.number_from(table, first)


def withdraw_commands(session: Session) -> None:
    """Delete commands to outside agents that have not left yet."""
    session.run("DELETE FROM outbox WHERE kind = ? AND routing_key LIKE ?", LETTER, "command.%")


def pause_schedules(session: Session) -> list[str]:
    """Pause every schedule; return the names of those that were not paused."""
    found = session.all("SELECT name FROM schedules WHERE paused = 0 ORDER BY name")
    session.run("UPDATE schedules SET paused = 1 WHERE paused = 0")
    return [row[0] for row in found]
