"""Timers: columns of `steps`, `attempts`, `runs`, `agents`, `starts` and `alerts`."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store.steps import OUTSIDE, Key


def postpone_step(session: Session, key: Key, until: datetime) -> None:
    """Put off the timer of one branch."""
    session.run(
        "UPDATE steps SET due_at = ? WHERE run_id = ? AND step = ? AND branch = ?",
        *(until.timestamp(), *key),
    )


def postpone_run(session: Session, run_id: str, until: datetime) -> None:
    """Put off the deadline of one run."""
    session.run("UPDATE runs SET due_at = ? WHERE id = ?", until.timestamp(), run_id)


def shift(session: Session, seconds: float) -> None:
    """Shift every timer, after the clock of this machine was set.

    In a backup, shift the time when it was made as well: a restore makes up for the time since.
    """
    # What has ended keeps its deadline, but has no timer: whole histories are not rewritten.
    for table, also in (("steps", "deadline"), ("runs", "running_since")):
        moved = f"due_at = due_at + ?, {also} = {also} + ?"
        session.run(f"UPDATE {table} SET {moved} WHERE due_at IS NOT NULL", seconds, seconds)
    session.run(
        "UPDATE agents SET circuit_due = circuit_due + ? WHERE circuit_due IS NOT NULL", seconds
    )
    session.run(
        "UPDATE agents SET circuit_since = circuit_since + ? WHERE circuit_since IS NOT NULL",
        seconds,
    )
    session.run("UPDATE agents SET rate_due = rate_due + ? WHERE rate_due IS NOT NULL", seconds)
    session.run("UPDATE starts SET at = at + ?", seconds)
    session.run("UPDATE alerts SET quiet_until = quiet_until + ?", seconds)
    session.run("UPDATE alerts SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run("UPDATE attempts SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    # The time without any worker begins with the last beat.
    session.run("UPDATE workers SET beat_at = beat_at + ?", seconds)
    session.run("UPDATE control SET saved_at = saved_at + ? WHERE saved_at IS NOT NULL", seconds)
    session.run(
        "UPDATE control SET listening_since = listening_since + ?, listened_at = listened_at + ?",
        *(seconds, seconds),
    )


def due_runs(session: Session, now: datetime, limit: int, scope: str | None) -> list[str]:
    """Runs whose time as `running` is over."""
    sql = "SELECT id FROM runs WHERE due_at <= ? AND (CAST(? AS TEXT) IS NULL OR id = ?) LIMIT ?"
    return [row[0] for row in session.all(sql, now.timestamp(), scope, scope, limit)]


def excuse(session: Session, since: datetime | None, now: datetime) -> None:
    """Put off what could not go on by the time since a moment, or since its start.

    That is the deadlines of runs, of waiting branches, and of attempts of outside agents:
    nobody could hear these. All of it may seem to lie in the future, if this machine's clock was
    set back: that is no time then.
    """
    at = now.timestamp()
    idle_since = min(since.timestamp(), at) if since else 0.0
    idle = "CASE WHEN {0} > ? THEN 0 WHEN {0} > ? THEN ? - {0} ELSE ? END"
    running, opened = idle.format("running_since"), idle.format("opened_at")
    claimed = idle.format("claimed_at")
    values = (at, idle_since, at, at - idle_since) * 2
    session.run(
        f"UPDATE runs SET due_at = due_at + {running}, running_since = running_since + {running}"
        " WHERE due_at IS NOT NULL",
        *values,
    )
    session.run(
        f"UPDATE steps SET deadline = deadline + {opened}, due_at = CASE status WHEN 'ready'"
        f" THEN due_at + {opened} ELSE due_at END"
        " WHERE queue IS NOT NULL AND status IN ('ready', 'queued')",
        *values,
    )
    session.run(
        f"UPDATE steps SET deadline = deadline + {claimed}, due_at = due_at + {claimed}"
        " WHERE queue IS NOT NULL AND status = 'running' AND owner LIKE ?",
        *(*values, f"{OUTSIDE}%"),
    )
