"""What is too old to keep, deleted a few rows at a time."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store.outbox import FINAL

MOST_LOOKED_AT = 1_000
CHILDREN = {
    "outbox": "id",
    "steps": "run_id, step, branch",
    "attempts": "run_id, step, branch, attempt",
    "events": "id",
    "artifacts": "run_id, digest, chunk",
    "traces": "run_id",
}
KEPT_IN_MIND = "INSERT INTO remains (run_id) VALUES (?) ON CONFLICT DO NOTHING"
LAID_TO_REST = "DELETE FROM remains WHERE run_id = ?"
UNUSED_PLANS = "DELETE FROM plans WHERE NOT EXISTS (SELECT 1 FROM runs WHERE plan = digest)"
SILENT_AGENTS = (
    "DELETE FROM agents WHERE last_heartbeat < ? AND paused = 0"
    " AND NOT EXISTS (SELECT 1 FROM slots WHERE queue = name)"
)
OLD = {
    "events": "run_id = '' AND at < ?",
    "audit": "at < ?",
    "workers": "left_at < ? AND id NOT IN (SELECT worker FROM attempts)",
}
AGED = {
    table: f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {at} < ?"
    f" OR ({at}, id) <= (SELECT {at}, id FROM {table} ORDER BY {at} DESC, id DESC LIMIT 1 OFFSET ?)"
    f" ORDER BY {at}, id LIMIT ?)"
    for table, at in {
        "alerts": "raised_at",
        "data_messages": "received_at",
        "dead_letters": "received_at",
    }.items()
}


def ended_before(session: Session, before: datetime, keep: int, limit: int) -> list[str]:
    """Ended runs that are too old, or beyond the newest `keep` and told, oldest first.

    While RabbitMQ is away, or a requester's queue is full, many may wait to be told: only the
    oldest are looked at, so that nobody waits long for the lock.
    """
    first_beyond = session.one(
        "SELECT ended_at, id FROM runs WHERE ended_at IS NOT NULL"
        " ORDER BY ended_at DESC, id DESC LIMIT 1 OFFSET ?",
        keep,
    )
    ended_at, run_id = first_beyond or (0.0, "")
    oldest = (
        "SELECT id, ended_at FROM runs WHERE ended_at <= ? OR (ended_at, id) <= (?, ?)"
        " ORDER BY ended_at, id LIMIT ?"
    )
    sql = (
        f"SELECT id FROM ({oldest}) AS old WHERE ended_at <= ?"
        " OR NOT EXISTS (SELECT 1 FROM outbox WHERE topic = CAST(? AS TEXT) || ':' || old.id)"
        " ORDER BY ended_at, id LIMIT ?"
    )
    at = before.timestamp()
    values = at, ended_at, run_id, MOST_LOOKED_AT, at, FINAL, limit
    return [row[0] for row in session.all(sql, *values)]


def forget_run(session: Session, run_id: str, limit: int) -> int:
    """Delete a run and so many rows in all; how many there were.

    Its own row goes first, so that nobody sees, forks or retries a run of which something is
    missing; what is left is among the `remains`. The key of its command stays, so that a late
    repetition is still known.
    """
    deleted = session.changed("DELETE FROM runs WHERE id = ?", run_id)
    for table, key in CHILDREN.items():
        deleted += session.changed(
            f"DELETE FROM {table} WHERE ({key}) IN"
            f" (SELECT {key} FROM {table} WHERE run_id = ? LIMIT ?)",
            *(run_id, limit - deleted),
        )
    session.run(KEPT_IN_MIND if deleted >= limit else LAID_TO_REST, run_id)
    return deleted


def remains(session: Session, limit: int) -> list[str]:
    """Runs that are forgotten, and of which rows may be left."""
    return [row[0] for row in session.all("SELECT run_id FROM remains LIMIT ?", limit)]


def forget_aged(session: Session, table: str, before: datetime, keep: int, limit: int) -> int:
    """Delete so many rows of a table that are too old, or beyond the newest `keep`, oldest first.

    Rows are counted, not numbers: a restore lets those jump.
    """
    return session.changed(AGED[table], before.timestamp(), keep, limit)


def forget_old(session: Session, before: datetime, limit: int) -> int:
    """Delete what belongs to no run, of each table so many rows at most; how many there were.

    That is plans without runs, what people did and what happened to the whole fleet, workers
    that left and that no kept attempt names, and agents that are silent and that nobody serves.
    """
    at = before.timestamp()
    deleted = session.changed(UNUSED_PLANS) + session.changed(SILENT_AGENTS, at)
    for table, condition in OLD.items():
        deleted += session.changed(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} LIMIT ?)",
            *(at, limit),
        )
    return deleted
