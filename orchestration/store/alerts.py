"""The table `alerts`: messages for people, each sent until every address has it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orchestration import metrics
from orchestration.ports import Row, Session
from orchestration.store import counters
from orchestration.store.times import moment


class AlertKind(StrEnum):
    """What an alert is about."""

    AGENT_SILENT = "agent_silent"
    AGENT_RECOVERED = "agent_recovered"
    WORKFLOW_FAILED = "workflow_failed"
    DEAD_LETTERS = "dead_letters"
    QUEUE_OVERFLOW = "queue_overflow"
    DEPTH_GROWING = "depth_growing"
    CIRCUIT_OPEN = "circuit_open"
    CIRCUIT_CLOSED = "circuit_closed"
    EMERGENCY_STOP = "emergency_stop"
    APPROVAL_WAITING = "approval_waiting"


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert to be raised.

    Attributes:
        subject: The agent, workflow or queue that it is about.
        message: One line for people.
        run_id: The run that it is about, if any.
    """

    kind: AlertKind
    subject: str
    message: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as people see it.

    Attributes:
        raised_at: When it was raised; of several repetitions, the last.
        times: How many repetitions it stands for.
        due_at: When it is sent next; None: it was sent everywhere, or given up.
        told_to: Digests of the addresses that have it.
        problem: Why the last try failed, or why none was made yet.
        over_at: Since when nobody need be told any more; None: it is not known to be over.
    """

    id: int
    kind: str
    subject: str
    message: str
    run_id: str | None
    raised_at: datetime
    times: int
    due_at: datetime | None
    tries: int
    told_to: frozenset[str]
    problem: str | None
    over_at: datetime | None


COLUMNS = (
    "id, kind, subject, message, run_id, raised_at, times, due_at, tries, told_to, problem, over_at"
)
NOT_OVER = "over_at IS NULL"  # asked with `due_at`, which an older release may set after the end
UNLESS_OVER = "CASE WHEN over_at IS NULL THEN CAST(? AS DOUBLE PRECISION) END"


def add(session: Session, new: NewAlert, now: datetime, cooldown: timedelta) -> None:
    """Write an alert.

    One that follows another of its kind and subject within the cooldown is sent when that ends,
    and stands for all that came in between: people are not flooded, and get the last message.
    """
    counters.count(session, metrics.ALERTS, new.kind)
    at, quiet = now.timestamp(), cooldown.total_seconds()
    last = session.one(
        "SELECT id, told_at, quiet_until FROM alerts WHERE kind = ? AND subject = ?"
        " ORDER BY id DESC LIMIT 1",
        *(new.kind, new.subject),
    )
    if last is not None and last[1] is None:
        session.run(
            "UPDATE alerts SET message = ?, run_id = ?, raised_at = ?, times = times + 1"
            " WHERE id = ?",
            *(new.message, new.run_id, at, last[0]),
        )
        return
    due_at = at if last is None else max(at, min(last[2], at + quiet))
    session.run(
        "INSERT INTO alerts (kind, subject, message, run_id, raised_at, quiet_until, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(new.kind, new.subject, new.message, new.run_id, at, due_at + quiet, due_at),
    )


def correct(session: Session, new: NewAlert) -> bool:
    """Replace the message and the run of an alert that some address has not got yet.

    Returns:
        Whether nobody has been told of it yet, so that all get this message.
    """
    unsent = f"kind = ? AND subject = ? AND due_at IS NOT NULL AND {NOT_OVER}"
    session.run(
        f"UPDATE alerts SET message = ?, run_id = ? WHERE {unsent}",
        *(new.message, new.run_id, new.kind, new.subject),
    )
    sql = f"SELECT 1 FROM alerts WHERE {unsent} AND told_at IS NULL"
    return session.one(sql, new.kind, new.subject) is not None


def end(session: Session, kind: AlertKind, subject: str, now: datetime) -> None:
    """Let the alerts of a kind and subject be over: who has not got them yet never does.

    The next one is told as soon as one that nobody was told of would have been.
    """
    at = now.timestamp()
    session.run(
        "UPDATE alerts SET over_at = ?, due_at = NULL, told_at = COALESCE(told_at, ?),"
        " quiet_until = CASE WHEN told_at IS NULL THEN due_at ELSE quiet_until END"
        " WHERE kind = ? AND subject = ? AND over_at IS NULL",
        *(at, at, kind, subject),
    )


def run_to_tell_of(session: Session, kind: AlertKind, subject: str) -> str | None:
    """The run of an alert that some address has not got yet; None: there is no such alert."""
    row = session.one(
        "SELECT run_id FROM alerts WHERE kind = ? AND subject = ? AND due_at IS NOT NULL"
        f" AND {NOT_OVER} ORDER BY id DESC LIMIT 1",
        *(kind, subject),
    )
    return row[0] if row else None


def is_any_due(session: Session, now: datetime) -> bool:
    """Whether an alert is due to be sent."""
    sql = f"SELECT 1 FROM alerts WHERE due_at <= ? AND {NOT_OVER} LIMIT 1"
    return session.one(sql, now.timestamp()) is not None


def take(session: Session, now: datetime, limit: int) -> list[AlertRow]:
    """The alerts to send now; a repetition of one of these is from here on another alert.

    An emergency stop comes first, then the longest due, and of those the least tried: an alert
    that no address accepts does not hold up the others again and again.
    """
    at = now.timestamp()
    sql = (
        f"SELECT {COLUMNS} FROM alerts WHERE due_at <= ? AND {NOT_OVER}"
        " ORDER BY CASE kind WHEN ? THEN 0 ELSE 1 END, due_at, tries, raised_at, id LIMIT ?"
    )
    found = [_read(row) for row in session.all(sql, at, AlertKind.EMERGENCY_STOP, limit)]
    for alert in found:
        session.run("UPDATE alerts SET told_at = COALESCE(told_at, ?) WHERE id = ?", at, alert.id)
    return found


def record_try(
    session: Session,
    id_: int,
    told_to: Collection[str],
    problem: str | None,
    again_at: datetime | None,
) -> None:
    """Write how a try went, and when the next one is; None: there is none."""
    session.run(
        f"UPDATE alerts SET told_to = ?, problem = ?, due_at = {UNLESS_OVER}, tries = tries + 1"
        " WHERE id = ?",
        *(json.dumps(sorted(told_to)), problem, again_at and again_at.timestamp(), id_),
    )


def put_off(
    session: Session, id_: int, told_to: Collection[str], problem: str, again_at: datetime
) -> None:
    """Put off an alert that was not offered to every address; that does not count as a try."""
    session.run(
        f"UPDATE alerts SET told_to = ?, problem = ?, due_at = {UNLESS_OVER} WHERE id = ?",
        *(json.dumps(sorted(told_to)), problem, again_at.timestamp(), id_),
    )


def waiting(session: Session) -> int:
    """How many alerts are still to be sent."""
    row = session.one(f"SELECT COUNT(*) FROM alerts WHERE due_at IS NOT NULL AND {NOT_OVER}")
    return int(row[0]) if row else 0


def newest(session: Session, limit: int) -> list[AlertRow]:
    """Alerts, newest first."""
    sql = f"SELECT {COLUMNS} FROM alerts ORDER BY raised_at DESC, id DESC LIMIT ?"
    return [_read(row) for row in session.all(sql, limit)]


def _read(row: Row) -> AlertRow:
    told_to = frozenset(json.loads(row[9]))
    sent = [row[6], moment(row[7]), row[8], told_to, row[10], moment(row[11])]
    values = [*row[:5], moment(row[5]), *sent]
    return AlertRow(*values)
