"""The table `attempts`: attempts that did not complete, and whether they may still act."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.state import StepStatus
from orchestration.store.steps import Held, Key, StepRow
from orchestration.store.times import moment, seconds


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt that did not complete.

    Attributes:
        ordinal: Its place among the attempts at its branch, from 1; `attempt` leaps by a restore.
    """

    step: str
    branch: int
    attempt: int
    ordinal: int
    outcome: str
    worker: str
    acting: bool
    started_at: datetime
    ended_at: datetime
    fraction: float
    message: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Acting:
    """An attempt that may still have effects: it is not known to have stopped.

    Attributes:
        fans_out: Whether its step fans out.
        ordinal: Its place among the attempts at its branch, from 1.
        worker: The worker, or the outside agent, that has it.
    """

    run_id: str
    step: str
    branch: int
    fans_out: bool
    ordinal: int
    agent: str
    worker: str
    since: datetime


NOT_ARCHIVED = frozenset({StepStatus.RUNNING, StepStatus.COMPLETED})  # their last attempt is not
ORDINAL = (
    "(SELECT COUNT(*) + 1 FROM attempts e WHERE e.run_id = {0}.run_id AND e.step = {0}.step"
    " AND e.branch = {0}.branch AND e.attempt < {0}.attempt)"
)
HELD = (
    f"SELECT a.run_id, a.step, a.branch, s.item IS NOT NULL, {ORDINAL.format('a')}, s.agent,"
    " a.holder, a.started_at AS since"
    " FROM attempts a JOIN steps s ON s.run_id = a.run_id AND s.step = a.step"
    " AND s.branch = a.branch JOIN runs r ON r.id = a.run_id"
    " WHERE a.holder IS NOT NULL AND r.system = 0"
)
CLAIMED = (
    f"SELECT s.run_id, s.step, s.branch, s.item IS NOT NULL, {ORDINAL.format('s')}, s.agent,"
    " s.owner, s.claimed_at FROM steps s JOIN runs r ON r.id = s.run_id"
    " WHERE s.queue IS NOT NULL AND s.status = 'running' AND r.system = 0"
)


def archive(  # noqa: PLR0913 - one parameter a fact
    session: Session,
    row: StepRow,
    outcome: str,
    now: datetime,
    error: str,
    *,
    acting: bool,
    due_at: datetime | None = None,
) -> None:
    """Archive an attempt that ended; if `acting`, its holder has yet to say that it stopped.

    At `due_at` that holder is waited for no longer; None: for as long as it lives.
    """
    holder = row.owner if acting else None
    started = (row.claimed_at or now).timestamp()
    session.run(
        "INSERT INTO attempts (run_id, step, branch, attempt, outcome, worker, holder, started_at,"
        " ended_at, fraction, message, error, due_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(*row.key, row.attempt, outcome, row.owner or "", holder, started, now.timestamp()),
        *(row.fraction, row.message, error, seconds(due_at)),
    )


def settle(session: Session, key: Key, attempt: int, worker: str) -> bool:
    """Write that an attempt can no longer act; False if that was known."""
    changed = session.changed(
        "UPDATE attempts SET holder = NULL, due_at = NULL"
        " WHERE run_id = ? AND step = ? AND branch = ?"
        " AND attempt = ? AND holder = ?",
        *(*key, attempt, worker),
    )
    return changed > 0


def due(session: Session, now: datetime, limit: int, scope: str | None) -> list[Held]:
    """Attempts whose holders are waited for no longer, the most overdue first."""
    sql = (
        "SELECT run_id, step, branch, attempt FROM attempts WHERE due_at <= ?"
        " AND (CAST(? AS TEXT) IS NULL OR run_id = ?) ORDER BY due_at LIMIT ?"
    )
    found = session.all(sql, now.timestamp(), scope, scope, limit)
    return [((run_id, step, branch), attempt) for run_id, step, branch, attempt in found]


def set_timer(session: Session, held: Held, due_at: datetime | None) -> None:
    """Set the time until which the holder of an attempt is waited for; None: no timer."""
    key, attempt = held
    session.run(
        "UPDATE attempts SET due_at = ? WHERE run_id = ? AND step = ? AND branch = ?"
        " AND attempt = ?",
        *(seconds(due_at), *key, attempt),
    )


def settle_all(session: Session, worker: str, scope: str | None) -> list[str]:
    """Write that a dead worker's attempts act no longer; return the runs that they were of."""
    where = "holder = ? AND (CAST(? AS TEXT) IS NULL OR run_id = ?)"
    values = (worker, scope, scope)
    rows = session.all(f"SELECT DISTINCT run_id FROM attempts WHERE {where}", *values)
    session.run(f"UPDATE attempts SET holder = NULL WHERE {where}", *values)
    return [row[0] for row in rows]


def acting(session: Session, run_id: str) -> list[tuple[str, int, str]]:
    """Step, branch and worker of each attempt of a run that may still act."""
    sql = "SELECT step, branch, holder FROM attempts WHERE run_id = ? AND holder IS NOT NULL"
    return [(row[0], row[1], row[2]) for row in session.all(sql, run_id)]


def acting_anywhere(session: Session, limit: int) -> list[Acting]:
    """Every attempt that may still act, with or without its claim, the oldest first.

    Attempts of runs of the system are left out.
    """
    rows = session.all(f"{HELD} UNION ALL {CLAIMED} ORDER BY since, 1, 2, 3 LIMIT ?", limit)
    values = ([*row[:3], bool(row[3]), *row[4:7], moment(float(row[7]))] for row in rows)
    return [Acting(*each) for each in values]


def acting_for(session: Session, agent: str) -> int:
    """How many attempts at an agent's branches have lost their claim and may still act."""
    row = session.one(
        "SELECT COUNT(*) FROM attempts a JOIN steps s ON s.run_id = a.run_id AND s.step = a.step"
        " AND s.branch = a.branch WHERE a.holder IS NOT NULL AND s.agent = ?",
        agent,
    )
    return int(row[0]) if row else 0


def held_by(session: Session, worker: str) -> list[Held]:
    """Key and number of each attempt of a worker that lost its claim and may still act."""
    sql = "SELECT run_id, step, branch, attempt FROM attempts WHERE holder = ?"
    return [((row[0], row[1], row[2]), row[3]) for row in session.all(sql, worker)]


def of_run(session: Session, run_id: str) -> list[AttemptRow]:
    """Every archived attempt of a run, oldest first."""
    rows = session.all(
        "SELECT step, branch, attempt,"
        " ROW_NUMBER() OVER (PARTITION BY step, branch ORDER BY attempt), outcome, worker,"
        " holder IS NOT NULL, started_at, ended_at, fraction, message, error"
        " FROM attempts WHERE run_id = ? ORDER BY started_at, attempt",
        run_id,
    )
    return [_read(row) for row in rows]


def by_branch(archived: Iterable[AttemptRow]) -> Mapping[tuple[str, int], Sequence[AttemptRow]]:
    """A run's archived attempts by step and branch; an empty list for any other branch."""
    found: defaultdict[tuple[str, int], list[AttemptRow]] = defaultdict(list)
    for each in archived:
        found[each.step, each.branch].append(each)
    return found


def made(row: StepRow, archived: Sequence[AttemptRow]) -> int:
    """How many attempts at a branch there have been, given the archived ones."""
    return len(archived) + (row.claimed_at is not None and row.status in NOT_ARCHIVED)


def first_error(session: Session, run_id: str) -> tuple[str, str] | None:
    """Name and error of the step that failed first in a run."""
    row = session.one(
        "SELECT step, error FROM steps WHERE run_id = ? AND status = 'failed'"
        " AND error IS NOT NULL ORDER BY ended_at, step, branch LIMIT 1",
        run_id,
    )
    return None if row is None else (row[0], row[1])


def _read(row: Row) -> AttemptRow:
    values = [*row[:6], bool(row[6]), *map(moment, row[7:9]), *row[9:]]
    return AttemptRow(*values)
