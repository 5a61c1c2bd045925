"""The table `steps`: one row a branch."""

from datetime import datetime
from typing import NamedTuple

from orchestration.ports import Row, Session
from orchestration.state import OPEN, Run, StepStatus
from orchestration.store import runs
from orchestration.store.times import moment, seconds

Key = tuple[str, str, int]  # run, step and branch
Held = tuple[Key, int]  # an attempt: its branch and its number

COLUMNS = (
    "steps.run_id, steps.step, steps.branch, steps.agent, steps.offer, steps.status, "
    "steps.rank, steps.item, steps.opened_at, steps.attempt, steps.failures, steps.losses, "
    "steps.sends, steps.owner, steps.fraction, steps.message, steps.unknown, steps.error, "
    "steps.claimed_at, steps.ended_at, steps.due_at, steps.worker, steps.deadline, (SELECT "
    "failures FROM agents WHERE name = steps.agent)"
)
OUTSIDE = "outside:"
KEY = "run_id = ? AND step = ? AND branch = ?"
WAITING_FOR_SOMEBODY = frozenset({StepStatus.READY, StepStatus.WAITING})
NOT_QUEUED = "AND status <> 'queued'"
IN_QUEUE = frozenset({StepStatus.READY, StepStatus.QUEUED, StepStatus.RUNNING})
ONE = f"SELECT {COLUMNS} FROM steps WHERE {KEY}"
WITH_RUN = (
    f"SELECT {COLUMNS}, {runs.DECIDING} FROM steps JOIN runs r ON r.id = steps.run_id WHERE {KEY}"
)
INSERT = (
    "INSERT INTO steps (run_id, step, branch, agent, offer, queue, status, rank, item, due_at,"
    " deadline, opened_at, ended_at, attempt, owner, worker, claimed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COMPLETE = (
    "UPDATE steps SET status = 'completed', result = ?, artifact = ?, ended_at = ?, fraction = 1,"
    " queue = NULL, owner = NULL, due_at = NULL, unknown = 0, error = NULL, ended_order = ?"
    f" WHERE {KEY}"
)
CLAIM = (
    "UPDATE steps SET status = 'running', owner = ?, worker = ?, attempt = ?, sends = 0,"
    f" claimed_at = ?, due_at = ?, deadline = ?, fraction = 0, message = '' WHERE {KEY}"
)
STATUSES = {status.value: status for status in StepStatus}


class StepRow(NamedTuple):
    """One branch without its result; JSON columns are text.

    Attributes:
        deadline: When it must be claimed or approved, or its running attempt must be over.
        agent_failures: How many attempts of its agent have failed in a row.
    """

    run_id: str
    step: str
    branch: int
    agent: str
    offer: str
    status: StepStatus
    rank: float
    item: str | None
    opened_at: datetime
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    sends: int = 0
    owner: str | None = None
    fraction: float = 0.0
    message: str = ""
    unknown: bool = False
    error: str | None = None
    claimed_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    worker: str | None = None
    deadline: datetime | None = None
    agent_failures: int = 0

    @property
    def is_outside(self) -> bool:
        """Whether an outside agent holds it."""
        return self.owner is not None and self.owner.startswith(OUTSIDE)

    @property
    def is_reused(self) -> bool:
        """Whether its result was taken over from the run that this one is a fork of."""
        return self.status is StepStatus.COMPLETED and not self.attempt

    @property
    def said(self) -> str:
        """The last message of its agent; empty once it is completed, as progress is over."""
        return "" if self.status is StepStatus.COMPLETED else self.message

    @property
    def key(self) -> Key:
        """Run, step and branch."""
        return self.run_id, self.step, self.branch


WIDTH = len(StepRow._fields)


def insert(session: Session, new: StepRow) -> None:
    """Write a new branch in the status in which it begins."""
    session.run(
        INSERT,
        *(*new.key, new.agent, new.offer, new.agent if new.status in IN_QUEUE else None),
        *(new.status, new.rank, new.item, seconds(new.due_at), seconds(new.deadline)),
        *(new.opened_at.timestamp(), seconds(new.ended_at), new.attempt, new.owner, new.worker),
        seconds(new.claimed_at),
    )


def get(session: Session, run_id: str, step: str, branch: int) -> StepRow | None:
    """One branch."""
    row = session.one(ONE, run_id, step, branch)
    return None if row is None else read(row)


def get_with_run(session: Session, key: Key) -> tuple[StepRow, Run] | None:
    """One branch, and its run as decisions need it."""
    row = session.one(WITH_RUN, *key)
    if row is None:
        return None
    return read(row[:WIDTH]), runs.deciding(session, row[WIDTH:])


def of_run(session: Session, run_id: str) -> list[StepRow]:
    """Every branch of a run, in the order in which they were opened."""
    sql = f"SELECT {COLUMNS} FROM steps WHERE run_id = ? AND branch >= 0 ORDER BY opened_at, step, branch"  # noqa: E501
    return [read(row) for row in session.all(sql, run_id)]


def in_status(session: Session, run_id: str, step: str, status: StepStatus) -> list[StepRow]:
    """The branches of a step that are in one status; sent branches count as ready."""
    also = StepStatus.QUEUED if status is StepStatus.READY else status
    sql = f"SELECT {COLUMNS} FROM steps WHERE run_id = ? AND step = ? AND status IN (?, ?)"
    return [read(row) for row in session.all(sql, run_id, step, status, also)]


def due(
    session: Session, now: datetime, limit: int, scope: str | None, *, queued: bool = True
) -> list[Key]:
    """Keys of branches whose timer is due, the most overdue first; if asked, without queued ones.

    Only the keys, as the rest of a damaged row may not be readable.
    """
    sql = (
        "SELECT run_id, step, branch FROM steps WHERE due_at <= ?"
        f" AND (CAST(? AS TEXT) IS NULL OR run_id = ?) {'' if queued else NOT_QUEUED}"
        " ORDER BY due_at LIMIT ?"
    )
    found = session.all(sql, now.timestamp(), scope, scope, limit)
    return [(run_id, step, branch) for run_id, step, branch in found]


def is_any_due(session: Session, now: datetime, scope: str | None) -> bool:
    """Whether a timer of a branch, an attempt, a run or an agent is due."""
    at = now.timestamp()
    if session.one("SELECT 1 FROM agents WHERE circuit_due <= ? OR rate_due <= ? LIMIT 1", at, at):
        return True
    for table, column in (("steps", "run_id"), ("runs", "id"), ("attempts", "run_id")):
        sql = (
            f"SELECT 1 FROM {table} WHERE due_at <= ?"
            f" AND (CAST(? AS TEXT) IS NULL OR {column} = ?) LIMIT 1"
        )
        if session.one(sql, now.timestamp(), scope, scope):
            return True
    return False


def owned_by(session: Session, owner: str, scope: str | None) -> list[Key]:
    """Keys of the branches that one process sent or holds; the rest of a row may be damaged."""
    sql = (
        "SELECT run_id, step, branch FROM steps"
        " WHERE owner = ? AND (CAST(? AS TEXT) IS NULL OR run_id = ?)"
    )
    found = session.all(sql, owner, scope, scope)
    return [(run_id, step, branch) for run_id, step, branch in found]


def held_by(session: Session, owner: str) -> list[Held]:
    """Key and number of each running attempt of one worker, or of one outside agent."""
    sql = "SELECT run_id, step, branch, attempt FROM steps WHERE owner = ? AND status = 'running'"
    found = session.all(sql, owner)
    return [((run_id, step, branch), attempt) for run_id, step, branch, attempt in found]


def holders(session: Session) -> list[str]:
    """The outside agents that hold an attempt."""
    sql = (
        "SELECT DISTINCT agent FROM steps WHERE status = 'running'"
        " AND owner IS NOT NULL AND owner = 'outside:' || agent ORDER BY agent"
    )
    return [str(name) for (name,) in session.all(sql)]


def is_anybody_awaited(session: Session) -> bool:
    """Whether an outside agent holds an attempt, or may still act on one."""
    sql = (
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM steps WHERE owner LIKE ?)"
        " OR EXISTS (SELECT 1 FROM attempts WHERE holder LIKE ?)"
    )
    return session.one(sql, f"{OUTSIDE}%", f"{OUTSIDE}%") is not None


def claim(session: Session, row: StepRow) -> None:
    """Write that a worker, or an outside agent, holds the branch's next attempt."""
    session.run(
        CLAIM,
        *(row.owner, row.worker, row.attempt, seconds(row.claimed_at), seconds(row.due_at)),
        *(seconds(row.deadline), *row.key),
    )


def complete(
    session: Session,
    row: StepRow,
    now: datetime,
    result: tuple[str | None, str | None],
    order: int,
) -> None:
    """Write a result, or the name of its artifact, and the branch's rank in the order of ends."""
    session.run(COMPLETE, *(*result, now.timestamp(), order, *row.key))


def release(
    session: Session,
    row: StepRow,
    target: StepStatus,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Move a branch to a status in which no worker holds it.

    If it waits for a worker or a person there, `due_at` is also its deadline.
    """
    ready, waits = target is StepStatus.READY, target in WAITING_FOR_SOMEBODY
    ended = now.timestamp() if target not in OPEN else None
    at = seconds(due_at)
    session.run(
        "UPDATE steps SET status = ?, queue = ?, owner = NULL, due_at = ?, deadline = ?,"
        f" ended_at = ?, sends = 0 WHERE {KEY}",
        *(target, row.agent if ready else None, at, at if waits else None, ended, *row.key),
    )


def count_failure(session: Session, row: StepRow, error: str, *, unknown: bool) -> None:
    """Write that an attempt failed, or was cut off with unknown outcome."""
    session.run(
        f"UPDATE steps SET failures = failures + 1, error = ?, unknown = ? WHERE {KEY}",
        *(error, int(unknown or row.unknown), *row.key),
    )


def count_loss(session: Session, row: StepRow, error: str) -> None:
    """Write that a worker was lost while it held the branch."""
    session.run(
        f"UPDATE steps SET losses = losses + 1, error = ?, unknown = 1 WHERE {KEY}",
        *(error, *row.key),
    )


def mark_unknown(session: Session, row: StepRow) -> None:
    """Write that the branch may have had effects that its worker did not report."""
    session.run(f"UPDATE steps SET unknown = 1 WHERE {KEY}", *row.key)


def forgive(session: Session, run_id: str, step: str) -> None:
    """Give the branches of a step their full budget of tries again."""
    session.run(
        "UPDATE steps SET failures = 0, losses = 0, error = NULL WHERE run_id = ? AND step = ?"
        " AND status IN ('held', 'waiting')",
        *(run_id, step),
    )


def report(
    session: Session, row: StepRow, fraction: float, message: str, due_at: datetime | None
) -> None:
    """Write live progress, and put off the deadline for silence."""
    session.run(
        f"UPDATE steps SET fraction = ?, message = ?, due_at = COALESCE(?, due_at) WHERE {KEY}",
        *(fraction, message, seconds(due_at), *row.key),
    )


def deadline(session: Session, row: StepRow) -> datetime | None:
    """When a worker must have claimed a branch or, once it runs, its attempt must be over."""
    found = session.one(f"SELECT deadline FROM steps WHERE {KEY}", *row.key)
    return moment(found[0]) if found else None


def set_timer(session: Session, row: StepRow, due_at: datetime | None) -> None:
    """Set the timer of a branch; None: no timer."""
    sql = f"UPDATE steps SET due_at = ? WHERE {KEY}"
    session.run(sql, seconds(due_at), *row.key)


def await_sign(session: Session, key: Key, attempt: int, until: datetime) -> None:
    """Set the timer of an outside attempt, if it waits for nothing but its deadline yet.

    No row is read: that of one unreadable run must not hold up what is told to all others.
    """
    session.run(
        f"UPDATE steps SET due_at = ? WHERE {KEY} AND attempt = ? AND status = 'running'"
        " AND owner LIKE ? AND due_at = deadline AND deadline > ?",
        *(until.timestamp(), *key, attempt, f"{OUTSIDE}%", until.timestamp()),
    )


def read(row: Row) -> StepRow:
    """One row of `COLUMNS`."""
    begun = *row[:5], STATUSES[row[5]], *row[6:8], moment(row[8]), *row[9:16], bool(row[16])
    ended = row[17], *map(moment, row[18:21]), row[21], moment(row[22]), row[23] or 0
    return StepRow(*begun, *ended)
