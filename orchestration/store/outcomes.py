"""How runs and branches ended lately, read by the indexes of ended rows."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class FailedBranch:
    """A branch that failed for good.

    Attributes:
        error: As its agent raised it, JSON text.
        run_status: The current status of its run.
        release: Of the worker that had it; None: no worker had it, or its row is deleted.
    """

    run_id: str
    step: str
    agent: str
    error: str | None
    ended_at: datetime
    command: str
    run_status: str
    release: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """A running branch.

    Attributes:
        fans_out: Whether its step fans out.
        message: The last message of its agent.
    """

    run_id: str
    step: str
    branch: int
    fans_out: bool
    fraction: float
    message: str


def count(session: Session, since: datetime, until: datetime, most: int) -> dict[str, int]:
    """How many runs ended in each status within a span, counting only the newest `most`."""
    rows = session.all(
        "SELECT status, COUNT(*) FROM (SELECT status FROM runs WHERE ended_at >= ? AND ended_at < ?"
        " ORDER BY ended_at DESC LIMIT ?) AS ended GROUP BY status",
        *(since.timestamp(), until.timestamp(), most),
    )
    return dict(rows)


def newest(session: Session, most: int) -> dict[str, int]:
    """How many of the `most` runs that ended last ended in each status."""
    rows = session.all(
        "SELECT status, COUNT(*) FROM (SELECT status FROM runs WHERE ended_at IS NOT NULL"
        " ORDER BY ended_at DESC LIMIT ?) AS ended GROUP BY status",
        most,
    )
    return dict(rows)


def failures(session: Session, since: datetime, limit: int) -> list[FailedBranch]:
    """Branches that failed since a moment, newest first."""
    rows = session.all(
        "SELECT s.run_id, s.step, s.agent, s.error, s.ended_at, r.command, r.status, w.release"
        " FROM steps s JOIN runs r ON r.id = s.run_id LEFT JOIN workers w ON w.id = s.worker"
        " WHERE s.status = 'failed' AND s.ended_at >= ? ORDER BY s.ended_at DESC LIMIT ?",
        *(since.timestamp(), limit),
    )
    return [_read(row) for row in rows]


def running(session: Session, limit: int) -> dict[str, list[Running]]:
    """For each agent its running branches."""
    rows = session.all(
        "SELECT queue, run_id, step, branch, item IS NOT NULL, fraction, message FROM steps"
        " WHERE queue IS NOT NULL AND status = 'running' ORDER BY queue, rank LIMIT ?",
        limit,
    )
    found: dict[str, list[Running]] = {}
    for queue, run_id, step, branch, fans_out, fraction, message in rows:
        row = Running(run_id, step, branch, bool(fans_out), fraction, message)
        found.setdefault(queue, []).append(row)
    return found


def _read(row: Row) -> FailedBranch:
    values = [*row[:4], moment(row[4]), *row[5:]]
    return FailedBranch(*values)
