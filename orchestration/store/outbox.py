"""The table `outbox`: what is said on the exchange, until RabbitMQ has confirmed it."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session

NOTICE = "notice"
PROGRESS = "progress"
FINAL = "final"
LETTER = "letter"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One thing to say.

    Attributes:
        body: JSON text; None for a notice, which is written from the run when it is sent.
    """

    id: int
    topic: str
    version: int
    run_id: str | None
    kind: str
    routing_key: str
    body: str | None


def say(  # noqa: PLR0913 - one parameter a column
    session: Session,
    topic: str,
    routing_key: str,
    body: str,
    now: datetime,
    run_id: str | None,
    *,
    urgent: bool = False,
) -> None:
    """Write what leaves as it is; the same topic again changes nothing."""
    session.run(
        "INSERT INTO outbox (topic, run_id, kind, routing_key, body, created_at, urgent)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        *(topic, run_id, LETTER, routing_key, body, now.timestamp(), int(urgent)),
    )


def notice(session: Session, what: str, run_id: str, now: datetime) -> None:
    """Write that a run's requester is to be told; what, is read from the run when it is sent."""
    session.run(
        "INSERT INTO outbox (topic, run_id, kind, routing_key, created_at)"
        " SELECT CAST(? AS TEXT) || ':' || id, id, ?, requester, ? FROM runs"
        " WHERE id = ? AND requester IS NOT NULL"
        " ON CONFLICT (topic) DO UPDATE SET version = outbox.version + 1",
        *(what, NOTICE, now.timestamp(), run_id),
    )


def after(session: Session, last: int, limit: int) -> list[OutboxRow]:
    """What is to be said, in the order in which it came up."""
    rows = session.all(
        "SELECT id, topic, version, run_id, kind, routing_key, body FROM outbox"
        " WHERE id > ? ORDER BY id LIMIT ?",
        *(last, limit),
    )
    return [OutboxRow(*row) for row in rows]


def urgent(session: Session, limit: int) -> list[OutboxRow]:
    """What overtakes everything else."""
    rows = session.all(
        "SELECT id, topic, version, run_id, kind, routing_key, body FROM outbox"
        " WHERE urgent = 1 ORDER BY id LIMIT ?",
        limit,
    )
    return [OutboxRow(*row) for row in rows]


def said(session: Session, spoken: list[tuple[int, int]]) -> None:
    """Drop what is confirmed, unless there is more to say on its topic by now."""
    for id_, version in spoken:
        session.run("DELETE FROM outbox WHERE id = ? AND version = ?", id_, version)
