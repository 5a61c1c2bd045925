"""Deletes rows that are too old or too many, a few at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from orchestration.ports import Session
from orchestration.store.outbox import FINAL

MOST_LOOKED_AT = 1_000
MOST_WORKERS = 50
LARGEST_STEP = timedelta(days=1)
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
}
# Workers that no kept attempt names. An attempt begins after its run, and before its worker leaves:
# so only attempts of old runs are read, open or ended since. Clocks may be set in between.
GONE = (
    "SELECT id FROM workers WHERE left_at < ? AND id NOT IN"
    " (SELECT worker FROM runs CROSS JOIN attempts"
    " WHERE created_at < ? AND attempts.run_id = runs.id) ORDER BY left_at LIMIT ?"
)
CAPPED = {
    "runs": "ended_at",
    "alerts": "raised_at",
    "data_messages": "received_at",
    "dead_letters": "received_at",
}
FIRST_BEYOND = {
    table: f"SELECT {at}, id FROM {table} WHERE {at} IS NOT NULL"
    f" ORDER BY {at} DESC, id DESC LIMIT 1 OFFSET ?"
    for table, at in CAPPED.items()
}
OLDEST = {
    table: f"SELECT id, {at} FROM {table} WHERE {at} <= ? AND ({at} <= ? OR ({at}, id) <= (?, ?))"
    f" ORDER BY {at}, id LIMIT ?"
    for table, at in CAPPED.items()
}
FORGETTABLE = (
    f"SELECT id FROM ({OLDEST['runs']}) AS old WHERE ended_at <= ?"
    " OR NOT EXISTS (SELECT 1 FROM outbox WHERE topic = CAST(? AS TEXT) || ':' || old.id)"
    " ORDER BY ended_at, id LIMIT ?"
)


class Edge(NamedTuple):
    """The newest row beyond a table's row limit; `id` None: no row of that time is."""

    at: float
    id: int | str | None


@dataclass(frozen=True, slots=True)
class Keep:
    """The bounds of what is kept: rows young enough, and among the newest of their table.

    Attributes:
        since: Rows that are not younger go.
        edges: For a table with too many rows: this row, and all before it, go as well.
        workers: Some workers that left and that no kept attempt names: they go.
    """

    since: datetime
    edges: Mapping[str, Edge]
    workers: Sequence[str] = ()

    def oldest(self, table: str) -> tuple[float | int | str | None, ...]:
        """The values for `OLDEST`: the time of the newest row that goes, age limit, and edge."""
        since = self.since.timestamp()
        edge = self.edges.get(table, Edge(since, None))
        return max(since, edge.at), since, *edge


def keep(session: Session, since: datetime, most: int) -> Keep:
    """The bounds that keep the newest `most` rows of each table, and none that is too old.

    Counting so many rows takes long, so this is read outside of the transaction that deletes:
    rows added meanwhile only make it too careful. Rows are counted, not ids: a restore lets ids
    jump.
    """
    found = {table: session.one(sql, most) for table, sql in FIRST_BEYOND.items()}
    edges = {table: Edge(*row) for table, row in found.items() if row}
    return Keep(since, edges, gone(session, since))


def gone(session: Session, since: datetime) -> list[str]:
    """Some workers that left long ago and that no kept attempt names; none before old runs go.

    Old runs could be many, and an open one could have been paused for long.
    """
    at = since.timestamp()
    if session.one("SELECT 1 FROM runs WHERE ended_at <= ? LIMIT 1", at):
        return []
    before = (since + LARGEST_STEP).timestamp()
    return [row[0] for row in session.all(GONE, at, before, MOST_WORKERS)]


def ended(session: Session, kept: Keep, limit: int) -> list[str]:
    """Ended runs that are too old, or too many with their end delivered, oldest first.

    While RabbitMQ is away, or a requester's queue is full, the ends of many runs may be
    undelivered: only the oldest runs are looked at, so that no writer waits long for the lock.
    """
    values = *kept.oldest("runs"), MOST_LOOKED_AT, kept.since.timestamp(), FINAL, limit
    return [row[0] for row in session.all(FORGETTABLE, *values)]


def forget_run(session: Session, run_id: str, limit: int) -> int:
    """Delete a run, `limit` rows at most; return how many there were.

    The run's own row goes first, so that a run with rows missing is never seen, forked or
    retried; `remains` lists a run that has rows left. The key of its command stays, so that a
    late repetition is still known.
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
    """Deleted runs of which rows may be left."""
    return [row[0] for row in session.all("SELECT run_id FROM remains LIMIT ?", limit)]


def forget_aged(session: Session, table: str, kept: Keep, limit: int) -> int:
    """Delete rows of a table that are too old or too many, `limit` at most, oldest first."""
    return session.changed(
        f"DELETE FROM {table} WHERE id IN (SELECT id FROM ({OLDEST[table]}) AS old)",
        *(*kept.oldest(table), limit),
    )


def forget_old(session: Session, kept: Keep, limit: int) -> int:
    """Delete old rows that belong to no run; return how many there were.

    They are plans without runs and silent agents that no worker serves; and of audit, events of
    the whole fleet, and workers that left and that no kept attempt names, `limit` rows each.
    """
    at = kept.since.timestamp()
    deleted = session.changed(UNUSED_PLANS) + session.changed(SILENT_AGENTS, at)
    for table, condition in OLD.items():
        deleted += session.changed(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {condition} LIMIT ?)",
            *(at, limit),
        )
    for worker in kept.workers[:limit]:
        deleted += session.changed("DELETE FROM workers WHERE id = ?", worker)
    return deleted
