"""The table `runs`: one row a workflow run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.errors import NotFoundError
from orchestration.plans import Plan
from orchestration.plans import load as parse
from orchestration.ports import Row, Session
from orchestration.state import ENDED, Run, RunStatus
from orchestration.store import causers, plans, tallies
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as people see it; JSON columns are text."""

    id: str
    command: str
    parameters: str
    sender: str
    correlation_id: str | None
    priority: int
    status: RunStatus
    ending: RunStatus | None
    generation: int
    progress: float
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    due_at: datetime | None
    reason: str | None
    plan: Plan
    forked_from: str | None = None


DIGITS = 12  # of a run's id, after its command
COLUMNS = (
    "r.id, r.command, r.parameters, r.sender, r.correlation_id, r.priority, r.status, r.ending,"
    " r.generation, r.progress, r.created_at, r.started_at, r.ended_at, r.due_at, r.reason, p.body,"
    " r.forked_from"
)
DECIDING = (
    "r.id, r.status, r.ending, r.generation, r.tallies, r.parameters, r.rank, r.requester,"
    " r.system, r.attempts_from, r.correlation_id, r.plan"
)
DECISION = f"SELECT {DECIDING} FROM runs r WHERE r.id = ?"
FROM = "FROM runs r JOIN plans p ON p.digest = r.plan"
STATUSES = {status.value: status for status in RunStatus}
RISE = "progress = CASE WHEN progress < ? THEN ? ELSE progress END"
COUNT = f"UPDATE runs SET tallies = ?, {RISE} WHERE id = ?"
MOVE = (  # columns on the right of `=` are the old values
    f"UPDATE runs SET status = ?, ending = ?, tallies = ?, {RISE},"
    " spent = CASE WHEN generation <> ? THEN 0 WHEN running_since IS NULL THEN spent"
    " ELSE spent + ? - running_since END,"
    " running_since = ?, due_at = CAST(? AS DOUBLE PRECISION) - spent,"
    " started_at = COALESCE(started_at, ?), ended_at = ?,"
    " reason = CASE WHEN generation = ? THEN reason END, generation = ? WHERE id = ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run begins with.

    Attributes:
        causers: Who else than its sender has caused it.
    """

    id: str
    plan: Plan
    parameters: str
    sender: str
    correlation_id: str | None
    priority: int
    needs_slot: bool
    system: bool = False
    requester: str | None = None
    forked_from: str | None = None
    causers: tuple[str, ...] = ()


def insert(session: Session, new: NewRun, now: datetime) -> bool:
    """Write a pending run and, once for all runs like it, its plan; False: its id is taken."""
    plans.insert(session, new.plan)
    rank = now.timestamp() - 60 * new.priority
    written = session.changed(
        "INSERT INTO runs (id, command, plan, parameters, sender, correlation_id, priority, rank,"
        " needs_slot, status, generation, created_at, requester, system,"
        " forked_from, caused_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        *(new.id, new.plan.name, new.plan.digest, new.parameters, new.sender, new.correlation_id),
        *(new.priority, rank, int(new.needs_slot), RunStatus.PENDING, 1, now.timestamp()),
        *(new.requester, int(new.system), new.forked_from),
        causers.text(new.causers) if new.causers else None,
    )
    return written > 0


def load(session: Session, run_id: str) -> Run:
    """The run as decisions need it.

    Raises:
        NotFoundError: There is no such run.
    """
    row = session.one(DECISION, run_id)
    if row is None:
        raise missing(run_id)
    return deciding(session, row)


def deciding(session: Session, row: Row) -> Run:
    """One row of `DECIDING`."""
    run_id, status, ending, generation, counts, parameters, rank, requester, *others = row
    system, attempts_from, correlation_id, plan = others
    return Run(
        id=run_id,
        plan=plans.get(session, plan),
        status=STATUSES[status],
        generation=generation,
        ending=STATUSES[ending] if ending else None,
        tallies=tallies.load(counts),
        parameters=parameters,
        rank=rank,
        requester=requester,
        attempts_from=attempts_from,
        system=bool(system),
        correlation_id=correlation_id,
    )


def save(
    session: Session, before: Run, after: Run, done: float, now: datetime, timeout: timedelta
) -> None:
    """Write a run that has moved, and keep its clock: only time as `running` counts.

    Args:
        session: The transaction.
        before: The run as it was loaded.
        after: The run as it is now.
        done: Its progress; a lower one than before is not written.
        now: The time.
        timeout: How long it may be `running`.
    """
    counts = tallies.dump(after.tallies)
    if after.status is before.status and after.generation == before.generation:
        session.run(COUNT, counts, done, done, after.id)
        return
    at, runs_now = now.timestamp(), after.status is RunStatus.RUNNING
    session.run(
        MOVE,
        *(after.status, after.ending, counts, done, done, after.generation, at),
        *(at if runs_now else None, at + timeout.total_seconds() if runs_now else None),
        *(at if runs_now else None, at if after.status in ENDED else None),
        *(after.generation, after.generation, after.id),
    )


def recount(session: Session, run: Run) -> None:
    """Write the tallies of a run in which a branch was claimed."""
    session.run("UPDATE runs SET tallies = ? WHERE id = ?", tallies.dump(run.tallies), run.id)


def advance(session: Session, run_id: str, progress: float) -> None:
    """Write the progress of a run; it never falls."""
    session.run(
        "UPDATE runs SET progress = ? WHERE id = ? AND progress < ?", progress, run_id, progress
    )


def set_reason(session: Session, run_id: str, reason: str) -> None:
    """Write why a run ends."""
    session.run("UPDATE runs SET reason = ? WHERE id = ?", reason, run_id)


def has(session: Session, run_id: str, created_at: datetime) -> bool:
    """Whether there is a run with this id and time of creation."""
    sql = "SELECT 1 FROM runs WHERE id = ? AND created_at = ?"
    return session.one(sql, run_id, created_at.timestamp()) is not None


def missing(run_id: str) -> NotFoundError:
    """The error that no run has this id."""
    cure = "`orchestrate workflows list` shows them"
    if len(run_id.rpartition("_")[2]) < DIGITS:  # a server is not asked what begins so
        cure += "; behind ORCHESTRATION_URL an id is written whole"
    return NotFoundError(f"no workflow {run_id}: {cure}")


def status(session: Session, run_id: str) -> RunStatus:
    """The status of a run.

    Raises:
        NotFoundError: There is no such run.
    """
    row = session.one("SELECT status FROM runs WHERE id = ?", run_id)
    if row is None:
        raise missing(run_id)
    return RunStatus(row[0])


def requester_and_status(session: Session, run_id: str) -> tuple[set[str], RunStatus] | None:
    """Who requested a run over the bus, and its status; None: there is no such run."""
    row = session.one("SELECT sender, requester, status FROM runs WHERE id = ?", run_id)
    if row is None:
        return None
    return set() if row[1] is None else {row[0], row[1]}, RunStatus(row[2])


def correlation(session: Session, run_id: str) -> str | None:
    """The id of the message that asked for a run, if any."""
    row = session.one("SELECT correlation_id FROM runs WHERE id = ?", run_id)
    return None if row is None else row[0]


def get(session: Session, run_id: str) -> RunRow:
    """The run as people see it.

    Raises:
        NotFoundError: There is no such run.
    """
    row = session.one(f"SELECT {COLUMNS} {FROM} WHERE r.id = ?", run_id)
    if row is None:
        raise missing(run_id)
    return read(row)


def newest(
    session: Session,
    limit: int,
    statuses: Sequence[str] = (),
    command: str | None = None,
    than: RunRow | None = None,
) -> list[RunRow]:
    """Runs, newest first, of some statuses or of one command, or older than one."""
    conditions, values = ["1 = 1"], list[Any]()
    if statuses:
        conditions.append(f"r.status IN ({', '.join('?' * len(statuses))})")
        values.extend(statuses)
    if command:
        conditions.append("r.command = ?")
        values.append(command)
    if than is not None:
        conditions.append("(r.created_at, r.id) < (?, ?)")
        values.extend((than.created_at.timestamp(), than.id))
    where = " AND ".join(conditions)
    sql = f"SELECT {COLUMNS} {FROM} WHERE {where} ORDER BY r.created_at DESC, r.id DESC LIMIT ?"
    return [read(row) for row in session.all(sql, *values, limit)]


def counts(session: Session, most: int) -> dict[str, int]:
    """How many runs are in each status; those that have ended are counted up to `most`."""
    sql = "SELECT COUNT(*) FROM (SELECT 1 FROM runs WHERE status = ? LIMIT ?) AS some_runs"
    ended = {status.value: int(session.all(sql, status, most)[0][0]) for status in sorted(ENDED)}
    return live_counts(session) | {status: number for status, number in ended.items() if number}


def live_counts(session: Session) -> dict[str, int]:
    """How many runs are in each live status; does not read those that have ended."""
    statuses = [status for status in RunStatus if status not in ENDED]
    marks = ", ".join("?" * len(statuses))
    sql = f"SELECT status, COUNT(*) FROM runs WHERE status IN ({marks}) GROUP BY status"
    return dict(session.all(sql, *statuses))


def is_system(session: Session, run_id: str) -> bool:
    """Whether a run goes on during an emergency stop."""
    row = session.one("SELECT system FROM runs WHERE id = ?", run_id)
    return bool(row and row[0])


def to_stop(session: Session, limit: int) -> list[str]:
    """Runs that an emergency stop has to end, those at work first; without those put aside."""
    sql = (
        "SELECT id FROM runs WHERE status IN ('running', 'waiting', 'paused', 'pending')"
        " AND system = 0 AND NOT EXISTS (SELECT 1 FROM stop_answers a WHERE a.name = runs.id"
        " AND a.epoch = (SELECT epoch FROM control WHERE id = 1))"
        " ORDER BY CASE status WHEN 'running' THEN 0 ELSE 1 END, rank LIMIT ?"
    )
    return [row[0] for row in session.all(sql, limit)]


def read(row: Row) -> RunRow:
    """One row of `COLUMNS`."""
    id_, command, parameters, sender, correlation_id, priority, status, ending, *since = row
    generation, progress, created_at, started_at, ended_at, due_at, reason, plan, old = since
    return RunRow(
        id=id_,
        command=command,
        parameters=parameters,
        sender=sender,
        correlation_id=correlation_id,
        priority=priority,
        status=STATUSES[status],
        ending=STATUSES[ending] if ending else None,
        generation=generation,
        progress=progress,
        created_at=moment(created_at),
        started_at=moment(started_at),
        ended_at=moment(ended_at),
        due_at=moment(due_at),
        reason=reason,
        plan=parse(plan),
        forked_from=old,
    )
