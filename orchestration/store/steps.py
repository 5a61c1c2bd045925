"""The table `steps`: one row a branch; while it is queued the row is its own outbox."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.state import OPEN, StepStatus
from orchestration.store.times import moment

COLUMNS = (
    "run_id, step, branch, agent, offer, status, rank, item, attempt, failures, losses, sends,"
    " owner, fraction, message, unknown, error, opened_at, claimed_at, ended_at, due_at,"
    " worker"
)
OUTSIDE = "outside:"
KEY = "run_id = ? AND step = ? AND branch = ?"


@dataclass(frozen=True, slots=True)
class StepRow:
    """One branch without its result; JSON columns are text."""

    run_id: str
    step: str
    branch: int
    agent: str
    offer: str
    status: StepStatus
    rank: float
    item: str | None
    attempt: int
    failures: int
    losses: int
    sends: int
    owner: str | None
    fraction: float
    message: str
    unknown: bool
    error: str | None
    opened_at: datetime
    claimed_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    worker: str | None = None

    @property
    def is_outside(self) -> bool:
        """Whether an agent that is not ours holds it."""
        return self.owner is not None and self.owner.startswith(OUTSIDE)

    @property
    def key(self) -> tuple[str, str, int]:
        """Run, step and branch."""
        return self.run_id, self.step, self.branch


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """What a branch begins with."""

    run_id: str
    step: str
    branch: int
    agent: str
    offer: str
    status: StepStatus
    rank: float
    item: str | None = None
    due_at: datetime | None = None


def insert(session: Session, new: NewStep, now: datetime) -> None:
    """Write a new branch."""
    queue = new.agent if new.status is StepStatus.READY else None
    at = now.timestamp()
    session.run(
        "INSERT INTO steps (run_id, step, branch, agent, offer, queue, status, rank, item, due_at,"
        " opened_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(new.run_id, new.step, new.branch, new.agent, new.offer, queue, new.status, new.rank),
        *(new.item, new.due_at and new.due_at.timestamp(), at),
        at if new.status is StepStatus.SKIPPED else None,
    )


def tallies(session: Session, run_id: str) -> dict[str, dict[StepStatus, int]]:
    """For each step how many branches are in which status; an empty fan-out has none."""
    counted: dict[str, dict[StepStatus, int]] = {}
    sql = "SELECT step, branch < 0, status, COUNT(*) FROM steps WHERE run_id = ? GROUP BY 1, 2, 3"
    for step, empty, status, count in session.all(sql, run_id):
        tally = counted.setdefault(step, {})
        if not empty:
            tally[StepStatus(status)] = count
    return counted


def get(session: Session, run_id: str, step: str, branch: int) -> StepRow | None:
    """One branch."""
    row = session.one(f"SELECT {COLUMNS} FROM steps WHERE {KEY}", run_id, step, branch)
    return None if row is None else read(row)


def of_run(session: Session, run_id: str) -> list[StepRow]:
    """Every branch of a run, in the order in which they were opened."""
    sql = f"SELECT {COLUMNS} FROM steps WHERE run_id = ? AND branch >= 0 ORDER BY opened_at, step, branch"  # noqa: E501
    return [read(row) for row in session.all(sql, run_id)]


def in_status(session: Session, run_id: str, step: str, status: StepStatus) -> list[StepRow]:
    """The branches of a step that are in one status."""
    sql = f"SELECT {COLUMNS} FROM steps WHERE run_id = ? AND step = ? AND status = ?"
    return [read(row) for row in session.all(sql, run_id, step, status)]


def due(session: Session, now: datetime, limit: int, scope: str | None) -> list[StepRow]:
    """Branches whose wake-up has come, the most overdue first."""
    sql = (
        f"SELECT {COLUMNS} FROM steps WHERE due_at <= ? AND (CAST(? AS TEXT) IS NULL OR run_id = ?)"
        " ORDER BY due_at LIMIT ?"
    )
    return [read(row) for row in session.all(sql, now.timestamp(), scope, scope, limit)]


def is_any_due(session: Session, now: datetime, scope: str | None) -> bool:
    """Whether a wake-up of a branch or a run has come."""
    for table, column in (("steps", "run_id"), ("runs", "id")):
        sql = (
            f"SELECT 1 FROM {table} WHERE due_at <= ?"
            f" AND (CAST(? AS TEXT) IS NULL OR {column} = ?) LIMIT 1"
        )
        if session.one(sql, now.timestamp(), scope, scope):
            return True
    return False


def owned_by(session: Session, owner: str, scope: str | None) -> list[StepRow]:
    """Branches that one process sent or holds."""
    sql = f"SELECT {COLUMNS} FROM steps WHERE owner = ? AND (CAST(? AS TEXT) IS NULL OR run_id = ?)"
    return [read(row) for row in session.all(sql, owner, scope, scope)]


def ready(session: Session, queue: str, limit: int, scope: str | None) -> list[StepRow]:
    """Branches that wait for room in a queue, the first in rank first."""
    sql = (
        f"SELECT {COLUMNS} FROM steps WHERE queue = ? AND status = 'ready'"
        " AND (CAST(? AS TEXT) IS NULL OR run_id = ?) ORDER BY rank, run_id, step, branch LIMIT ?"
    )
    return [read(row) for row in session.all(sql, queue, scope, scope, limit)]


def is_any_ready(session: Session, queue: str) -> bool:
    """Whether a branch waits for room in a queue."""
    sql = "SELECT 1 FROM steps WHERE queue = ? AND status = 'ready' LIMIT 1"
    return session.one(sql, queue) is not None


def ready_queues(session: Session) -> list[str]:
    """Queues that have something to send."""
    sql = "SELECT DISTINCT queue FROM steps WHERE queue IS NOT NULL AND status = 'ready'"
    return [row[0] for row in session.all(sql)]


def queues(session: Session) -> dict[str, dict[str, int]]:
    """For each queue how many branches are ready, queued and running."""
    sql = "SELECT queue, status, COUNT(*) FROM steps WHERE queue IS NOT NULL GROUP BY queue, status"
    found: dict[str, dict[str, int]] = {}
    for queue, status, count in session.all(sql):
        found.setdefault(queue, {"ready": 0, "queued": 0, "running": 0})[status] = count
    return found


def in_queue(session: Session, queue: str) -> tuple[int, int]:
    """How many branches of a queue are sent but unclaimed, and how many are running."""
    sql = (
        "SELECT status, COUNT(*) FROM steps WHERE queue = ? AND status IN ('queued', 'running')"
        " GROUP BY status"
    )
    counted = dict[str, int](session.all(sql, queue))
    return counted.get("queued", 0), counted.get("running", 0)


def mark_sent(session: Session, row: StepRow, sender: str, again_at: datetime, sends: int) -> None:
    """Write that a message for the branch leaves after this commit."""
    session.run(
        f"UPDATE steps SET status = 'queued', owner = ?, due_at = ?, sends = ? WHERE {KEY}",
        *(sender, again_at.timestamp(), sends, *row.key),
    )


def resend(session: Session, now: datetime) -> None:
    """Let everything that is queued be sent again at the next sweep."""
    session.run("UPDATE steps SET due_at = ? WHERE status = 'queued'", now.timestamp())


def claim(
    session: Session, row: StepRow, owner: str, now: datetime, due_at: datetime, deadline: datetime
) -> None:
    """Write that a worker holds the next attempt of a queued branch."""
    session.run(
        "UPDATE steps SET status = 'running', owner = ?, worker = ?, attempt = attempt + 1,"
        " sends = 0, claimed_at = ?, due_at = ?, deadline = ?, fraction = 0, message = ''"
        f" WHERE {KEY}",
        *(owner, owner, now.timestamp(), due_at.timestamp(), deadline.timestamp(), *row.key),
    )


def complete(
    session: Session,
    row: StepRow,
    now: datetime,
    result: str | None,
    artifact: str | None,
) -> None:
    """Write a result; the order in which branches completed is kept for undo."""
    session.run(
        "UPDATE steps SET status = 'completed', result = ?, artifact = ?, ended_at = ?,"
        " fraction = 1, queue = NULL, owner = NULL, due_at = NULL, unknown = 0, error = NULL,"
        " ended_order = (SELECT COUNT(*) FROM steps WHERE run_id = ? AND status = 'completed')"
        f" WHERE {KEY}",
        *(result, artifact, now.timestamp(), row.run_id, *row.key),
    )


def leave(
    session: Session,
    row: StepRow,
    target: StepStatus,
    now: datetime,
    due_at: datetime | None = None,
) -> None:
    """Move a branch to a status in which nobody holds it."""
    ended = now.timestamp() if target not in OPEN else None
    session.run(
        "UPDATE steps SET status = ?, queue = ?, owner = NULL, due_at = ?, ended_at = ?, sends = 0,"
        f" deadline = NULL WHERE {KEY}",
        target,
        row.agent if target is StepStatus.READY else None,
        *(due_at and due_at.timestamp(), ended, *row.key),
    )


def count_failure(session: Session, row: StepRow, error: str, *, unknown: bool) -> None:
    """Write that an attempt failed, or was cut off with unknown outcome."""
    session.run(
        f"UPDATE steps SET failures = failures + 1, error = ?, unknown = ? WHERE {KEY}",
        *(error, int(unknown or row.unknown), *row.key),
    )


def count_loss(session: Session, row: StepRow, error: str) -> None:
    """Write that a worker was lost with the branch."""
    session.run(
        f"UPDATE steps SET losses = losses + 1, error = ?, unknown = 1 WHERE {KEY}",
        *(error, *row.key),
    )


def mark_unknown(session: Session, row: StepRow) -> None:
    """Write that the branch may have had effects that nobody reported."""
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
        *(fraction, message, due_at and due_at.timestamp(), *row.key),
    )


def deadline(session: Session, row: StepRow) -> datetime | None:
    """When the running attempt of a branch must be over."""
    found = session.one(f"SELECT deadline FROM steps WHERE {KEY}", *row.key)
    return moment(found[0]) if found else None


def wake(session: Session, row: StepRow, due_at: datetime | None) -> None:
    """Set when a branch is to be looked at again; None: never."""
    sql = f"UPDATE steps SET due_at = ? WHERE {KEY}"
    session.run(sql, due_at and due_at.timestamp(), *row.key)


def undoable(session: Session, run_id: str, step_names: list[str]) -> list[tuple[str, int]]:
    """Branches that may have had effects and are not undone yet, the latest first."""
    marks = ", ".join("?" * len(step_names))
    rows = session.all(
        "SELECT s.step, s.branch FROM steps s WHERE s.run_id = ?"
        f" AND s.step IN ({marks}) AND s.branch >= 0 AND (s.status = 'completed' OR s.unknown = 1)"
        " AND NOT EXISTS (SELECT 1 FROM steps u WHERE u.run_id = s.run_id"
        " AND u.step = 'undo.' || s.step AND u.branch = s.branch)"
        " ORDER BY s.unknown DESC, s.ended_order DESC, s.opened_at DESC, s.branch DESC",
        *(run_id, *step_names),
    )
    return [(row[0], row[1]) for row in rows]


def fractions(session: Session, run_id: str) -> dict[str, float]:
    """For each step the sum of the fractions of its running branches."""
    sql = "SELECT step, SUM(fraction) FROM steps WHERE run_id = ? AND status = 'running' GROUP BY 1"
    return dict(session.all(sql, run_id))


def shift(session: Session, seconds: float) -> None:
    """Move every timer, after the clock of this machine was set."""
    session.run("UPDATE steps SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run("UPDATE steps SET deadline = deadline + ? WHERE deadline IS NOT NULL", seconds)
    session.run("UPDATE runs SET due_at = due_at + ? WHERE due_at IS NOT NULL", seconds)
    session.run(
        "UPDATE runs SET running_since = running_since + ? WHERE running_since IS NOT NULL", seconds
    )


def read(row: Row) -> StepRow:
    """One row of `COLUMNS`."""
    times = map(moment, row[17:21])
    values = [*row[:5], StepStatus(row[5]), *row[6:15], bool(row[15]), row[16], *times, row[21]]
    return StepRow(*values)
