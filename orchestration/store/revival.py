"""Rows of a store that was put back: who was there is gone, and no number is given twice."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.state import ENDED
from orchestration.store.outbox import LETTER

LEAP = 1_000_000  # more attempts than a step can have had between a backup and its restore


def open_runs(session: Session) -> list[str]:
    """Every run that has not ended, oldest first."""
    marks = ", ".join("?" * len(ENDED))
    sql = f"SELECT id FROM runs WHERE status NOT IN ({marks}) ORDER BY created_at, id"
    return [row[0] for row in session.all(sql, *sorted(ENDED))]


def dismiss_workers(session: Session, now: datetime) -> None:
    """Write that every worker is gone, and that nothing it held may still act."""
    session.run("UPDATE workers SET left_at = ? WHERE left_at IS NULL", now.timestamp())
    session.run("DELETE FROM slots")
    session.run("UPDATE attempts SET holder = NULL WHERE holder IS NOT NULL")


def leap(session: Session, restores: int) -> None:
    """Let attempts count from where none has been, in steps that are there and that will be."""
    session.run(
        "UPDATE steps SET attempt = attempt + ? WHERE status NOT IN ('completed', 'skipped')", LEAP
    )
    session.run("UPDATE runs SET attempts_from = ?", restores * LEAP)


def withdraw_commands(session: Session) -> None:
    """Drop what agents that are not ours were to do, and have not been told yet."""
    session.run("DELETE FROM outbox WHERE kind = ? AND routing_key LIKE ?", LETTER, "command.%")


def pause_schedules(session: Session) -> list[str]:
    """Let nothing start by the clock; the names of the schedules that would have."""
    found = session.all("SELECT name FROM schedules WHERE paused = 0 ORDER BY name")
    session.run("UPDATE schedules SET paused = 1 WHERE paused = 0")
    return [row[0] for row in found]
