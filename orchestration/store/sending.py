"""Branches that wait for room in a queue or are sent, which are rows of the table `steps`.

While a branch is queued its row is its own outbox: when it is due, its message is sent again.
"""

from collections.abc import Sequence
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.steps import COLUMNS, KEY, StepRow, read

OF_SYSTEM = "AND run_id IN (SELECT id FROM runs WHERE system = 1)"


def ready(
    session: Session,
    queue: str,
    limit: int,
    scope: str | None,
    offers: Sequence[str] | None = None,
    *,
    system: bool = False,
) -> list[StepRow]:
    """Branches that wait for room in a queue, the first in rank first.

    Args:
        session: Any session.
        queue: The queue.
        limit: The most to return.
        scope: The only run to look at; None: all of them.
        offers: The only `agent.action@version` to look for; None: all of them.
        system: Only branches of runs of the system.
    """
    marks = ", ".join(["NULL", *"?" * len(offers or ())])  # NULL, since `offers` may be empty
    offered = "" if offers is None else f"AND offer IN ({marks})"
    sql = (
        f"SELECT {COLUMNS} FROM steps WHERE queue = ? AND status = 'ready'"
        f" AND (CAST(? AS TEXT) IS NULL OR run_id = ?) {offered} {OF_SYSTEM if system else ''}"
        " ORDER BY rank, run_id, step, branch LIMIT ?"
    )
    return [read(row) for row in session.all(sql, queue, scope, scope, *(offers or ()), limit)]


def mark_sent(session: Session, row: StepRow, sender: str, again_at: datetime, sends: int) -> None:
    """Write that a message for the branch leaves after this commit, and when it is sent again.

    If the deadline for a worker to claim the branch is earlier, the timer is set to that.
    """
    at = again_at.timestamp()
    session.run(
        "UPDATE steps SET status = 'queued', owner = ?, sends = ?,"
        f" due_at = CASE WHEN deadline < ? THEN deadline ELSE ? END WHERE {KEY}",
        *(sender, sends, at, at, *row.key),
    )


def sent(session: Session, queue: str) -> list[StepRow]:
    """Branches of a queue that are sent but unclaimed."""
    sql = f"SELECT {COLUMNS} FROM steps WHERE queue = ? AND status = 'queued'"
    return [read(row) for row in session.all(sql, queue)]


def resend(session: Session, now: datetime) -> None:
    """Let every queued branch be sent again at the next sweep, as if for the first time."""
    sql = "UPDATE steps SET due_at = ?, sends = 0 WHERE queue IS NOT NULL AND status = 'queued'"
    session.run(sql, now.timestamp())
