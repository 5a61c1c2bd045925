"""The table `outbox`: messages for the exchange, until RabbitMQ has confirmed them."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment

NOTICE = "notice"
PROGRESS = "progress"
FINAL = "final"
LETTER = "letter"
ACKNOWLEDGEMENT = "ack"
COLUMNS = "id, topic, version, run_id, kind, routing_key, body, lane"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message to publish.

    Attributes:
        body: JSON text; None for a notice, which is composed from the run when it is sent.
        lane: The recipient; an urgent message has a lane of its own.
    """

    id: int
    topic: str
    version: int
    run_id: str | None
    kind: str
    routing_key: str
    body: str | None
    lane: str


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
    """Add a message that leaves as it is; the same topic again changes nothing."""
    session.run(
        "INSERT INTO outbox (topic, run_id, kind, routing_key, body, created_at, urgent, lane)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        *(topic, run_id, LETTER, routing_key, body, now.timestamp(), int(urgent)),
        topic if urgent else routing_key.partition(".")[2],
    )


def notice(session: Session, what: str, run_id: str, now: datetime) -> None:
    """Add a notice for a run's requester; its text is composed from the run when it is sent."""
    session.run(
        "INSERT INTO outbox (topic, run_id, kind, routing_key, created_at, lane)"
        " SELECT CAST(? AS TEXT) || ':' || id, id, ?, requester, ?, requester FROM runs"
        " WHERE id = ? AND requester IS NOT NULL"
        " ON CONFLICT (topic) DO UPDATE SET version = outbox.version + 1",
        *(what, NOTICE, now.timestamp(), run_id),
    )


def withdraw(session: Session, topic: str) -> None:
    """Drop a message, if it is not sent and confirmed yet."""
    session.run("DELETE FROM outbox WHERE topic = ?", topic)


def lanes(session: Session, last: str, limit: int) -> list[str]:
    """The lanes with messages, by name, after the `last` one; each is found in one step."""
    rows = session.all(
        "WITH RECURSIVE found(name) AS ("
        " SELECT MIN(lane) FROM outbox WHERE urgent = 0 AND lane > ?"
        " UNION ALL SELECT (SELECT MIN(lane) FROM outbox WHERE urgent = 0 AND lane > name)"
        " FROM found WHERE name IS NOT NULL"
        ") SELECT name FROM found WHERE name IS NOT NULL LIMIT ?",
        *(last, limit),
    )
    return [str(row[0]) for row in rows]


def first_of(session: Session, lane: str, limit: int) -> list[OutboxRow]:
    """The first messages of a lane, in the order in which they were written."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE urgent = 0 AND lane = ? ORDER BY id LIMIT ?"
    return [OutboxRow(*row) for row in session.all(sql, lane, limit)]


def urgent(session: Session, limit: int) -> list[OutboxRow]:
    """Messages that overtake all others."""
    sql = f"SELECT {COLUMNS} FROM outbox WHERE urgent = 1 ORDER BY id LIMIT ?"
    return [OutboxRow(*row) for row in session.all(sql, limit)]


def backlog(session: Session) -> tuple[int, datetime | None]:
    """How many messages there are, and since when the oldest."""
    row = session.one("SELECT COUNT(*), MIN(created_at) FROM outbox")
    count, oldest = row or (0, None)
    return int(count), moment(oldest)


def is_empty(session: Session) -> bool:
    """Whether there is no message to publish."""
    return session.one("SELECT 1 FROM outbox LIMIT 1") is None


def said(session: Session, spoken: list[tuple[int, int]]) -> None:
    """Delete confirmed messages, unless their topic has a newer version by now."""
    for id_, version in spoken:
        session.run("DELETE FROM outbox WHERE id = ? AND version = ?", id_, version)
