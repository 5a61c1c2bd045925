"""The table `runs`: one row a workflow run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration import plans
from orchestration.errors import NotFoundError
from orchestration.plans import Plan
from orchestration.ports import Row, Session
from orchestration.state import ENDED, Run, RunStatus
from orchestration.store import tallies
from orchestration.store.times import moment

HEAD = 0.0


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


COLUMNS = (
    "r.id, r.command, r.parameters, r.sender, r.correlation_id, r.priority, r.status, r.ending,"
    " r.generation, r.progress, r.created_at, r.started_at, r.ended_at, r.due_at, r.reason, p.body,"
    " r.forked_from"
)
DECIDING = (
    "r.status, r.ending, r.generation, r.parameters, r.rank, r.requester, p.body, r.attempts_from"
)
FROM = "FROM runs r JOIN plans p ON p.digest = r.plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a run begins with."""

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


def insert(session: Session, new: NewRun, now: datetime) -> None:
    """Write a pending run and, once for all runs like it, its plan."""
    body = new.plan.text
    digest = hashlib.sha256(body.encode()).hexdigest()
    session.run(
        "INSERT INTO plans (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING", digest, body
    )
    rank = now.timestamp() - 60 * new.priority
    session.run(
        "INSERT INTO runs (id, command, plan, parameters, sender, correlation_id, priority, rank,"
        " needs_slot, status, generation, created_at, requester, system,"
        " forked_from)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(new.id, new.plan.name, digest, new.parameters, new.sender, new.correlation_id),
        *(new.priority, rank, int(new.needs_slot), RunStatus.PENDING, 1, now.timestamp()),
        *(new.requester, int(new.system), new.forked_from),
    )


def load(session: Session, run_id: str) -> Run:
    """The run as decisions need it.

    Raises:
        NotFoundError: There is no such run.
    """
    sql = f"SELECT {DECIDING} {FROM} WHERE r.id = ?"
    row = session.one(sql, run_id)
    if row is None:
        raise NotFoundError(f"no workflow {run_id}: `orchestrate workflows list` shows them")
    status, ending, generation, parameters, rank, requester, body, attempts_from = row
    return Run(
        id=run_id,
        plan=plans.load(body),
        status=RunStatus(status),
        generation=generation,
        ending=RunStatus(ending) if ending else None,
        tallies=tallies.of_run(session, run_id),
        parameters=parameters,
        rank=rank,
        requester=requester,
        attempts_from=attempts_from,
    )


def save(session: Session, before: Run, after: Run, now: datetime, timeout: timedelta) -> None:
    """Write what changed in a run, and keep its clock: only time as `running` counts."""
    at = now.timestamp()
    changes: dict[str, tuple[Any, ...]] = {}
    if after.status is not before.status:
        changes |= {"status = ?": (after.status,), "ending = ?": (after.ending,)}
        if before.status is RunStatus.RUNNING:
            changes["spent = spent + ? - running_since"] = (at,)
            changes["running_since = NULL, due_at = NULL"] = ()
        if after.status is RunStatus.RUNNING:
            changes["running_since = ?"] = (at,)
            changes["due_at = ? - spent"] = (at + timeout.total_seconds(),)
            changes["started_at = COALESCE(started_at, ?)"] = (at,)
        elif after.status in ENDED:
            changes["ended_at = ?"] = (at,)
    if after.generation != before.generation:
        changes["generation = ?"] = (after.generation,)
        changes["ended_at = NULL, reason = NULL, spent = 0"] = ()
    if changes:
        values = (value for known in changes.values() for value in known)
        session.run(f"UPDATE runs SET {', '.join(changes)} WHERE id = ?", *values, after.id)


def advance(session: Session, run_id: str, progress: float) -> None:
    """Write the progress of a run; it never falls."""
    session.run(
        "UPDATE runs SET progress = ? WHERE id = ? AND progress < ?", progress, run_id, progress
    )


def first_error(session: Session, run_id: str) -> tuple[str, str] | None:
    """Name and error of the step that failed first in a run."""
    row = session.one(
        "SELECT step, error FROM steps WHERE run_id = ? AND status = 'failed'"
        " AND error IS NOT NULL ORDER BY ended_at, step, branch LIMIT 1",
        run_id,
    )
    return None if row is None else (row[0], row[1])


def set_reason(session: Session, run_id: str, reason: str) -> None:
    """Write why a run ends."""
    session.run("UPDATE runs SET reason = ? WHERE id = ?", reason, run_id)


def move_to_head(session: Session, run_id: str) -> None:
    """Let a pending run be the next to get a slot."""
    session.run("UPDATE runs SET rank = ? WHERE id = ?", HEAD, run_id)


def status(session: Session, run_id: str) -> RunStatus:
    """Where a run is.

    Raises:
        NotFoundError: There is no such run.
    """
    row = session.one("SELECT status FROM runs WHERE id = ?", run_id)
    if row is None:
        raise NotFoundError(f"no workflow {run_id}: `orchestrate workflows list` shows them")
    return RunStatus(row[0])


def requester_and_status(session: Session, run_id: str) -> tuple[set[str], RunStatus] | None:
    """Who wanted a run over the bus, and where it is; None: there is no such run."""
    row = session.one("SELECT sender, requester, status FROM runs WHERE id = ?", run_id)
    if row is None:
        return None
    return set() if row[1] is None else {row[0], row[1]}, RunStatus(row[2])


def correlation(session: Session, run_id: str) -> str | None:
    """The message that asked for a run, if it was one."""
    row = session.one("SELECT correlation_id FROM runs WHERE id = ?", run_id)
    return None if row is None else row[0]


def get(session: Session, run_id: str) -> RunRow:
    """The run as people see it.

    Raises:
        NotFoundError: There is no such run.
    """
    row = session.one(f"SELECT {COLUMNS} {FROM} WHERE r.id = ?", run_id)
    if row is None:
        raise NotFoundError(f"no workflow {run_id}: `orchestrate workflows list` shows them")
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


def counts(session: Session) -> dict[str, int]:
    """How many runs are in each status."""
    return dict(session.all("SELECT status, COUNT(*) FROM runs GROUP BY status"))


def live_counts(session: Session) -> dict[str, int]:
    """How many runs are in each status that is not the end; costs nothing for those that ended."""
    statuses = [status for status in RunStatus if status not in ENDED]
    marks = ", ".join("?" * len(statuses))
    sql = f"SELECT status, COUNT(*) FROM runs WHERE status IN ({marks}) GROUP BY status"
    return dict(session.all(sql, *statuses))


def oldest_pending(session: Session) -> datetime | None:
    """When the run was accepted that has been pending for longest."""
    row = session.one("SELECT MIN(created_at) FROM runs WHERE status = 'pending'")
    return None if row is None else moment(row[0])


def slots_taken(session: Session) -> int:
    """How many runs hold a slot, counted from their states."""
    row = session.one("SELECT COUNT(*) FROM runs WHERE status = 'running' AND needs_slot = 1")
    return int(row[0]) if row else 0


def slot_holders(session: Session) -> list[str]:
    """The runs that hold a slot, the one that has held it longest first."""
    held = "status = 'running' AND needs_slot = 1"
    sql = f"SELECT id FROM runs WHERE {held} ORDER BY running_since, id"
    return [row[0] for row in session.all(sql)]


def next_pending(session: Session, limit: int, *, needs_slot: bool, scope: str | None) -> list[str]:
    """The pending runs whose turn it is, in order."""
    return [
        row[0]
        for row in session.all(
            "SELECT id FROM runs WHERE status = 'pending' AND needs_slot = ?"
            " AND (CAST(? AS TEXT) IS NULL OR id = ?) ORDER BY rank, id LIMIT ?",
            *(int(needs_slot), scope, scope, limit),
        )
    ]


def is_system(session: Session, run_id: str) -> bool:
    """Whether a run goes on during an emergency stop."""
    row = session.one("SELECT system FROM runs WHERE id = ?", run_id)
    return bool(row and row[0])


def to_stop(session: Session, limit: int) -> list[str]:
    """Runs that an emergency stop has to end, those at work first."""
    sql = (
        "SELECT id FROM runs WHERE status IN ('running', 'waiting', 'paused', 'pending')"
        " AND system = 0 ORDER BY CASE status WHEN 'running' THEN 0 ELSE 1 END, rank LIMIT ?"
    )
    return [row[0] for row in session.all(sql, limit)]


def pending_of(session: Session, sender: str) -> int:
    """How many runs of a sender wait for their first slot."""
    row = session.one("SELECT COUNT(*) FROM runs WHERE status = 'pending' AND sender = ?", sender)
    return int(row[0]) if row else 0


def due(session: Session, now: datetime, limit: int, scope: str | None) -> list[str]:
    """Runs whose time as `running` is over."""
    sql = "SELECT id FROM runs WHERE due_at <= ? AND (CAST(? AS TEXT) IS NULL OR id = ?) LIMIT ?"
    return [row[0] for row in session.all(sql, now.timestamp(), scope, scope, limit)]


def excuse(session: Session, since: datetime | None, now: datetime) -> None:
    """Take the time since a moment, or since it began, off all that waits for workers."""
    idle_since = since.timestamp() if since else 0.0
    idle = "? - CASE WHEN {0} > ? THEN {0} ELSE ? END"
    running, opened = idle.format("running_since"), idle.format("opened_at")
    values = (now.timestamp(), idle_since, idle_since) * 2
    session.run(
        f"UPDATE runs SET due_at = due_at + {running}, running_since = running_since + {running}"
        " WHERE running_since IS NOT NULL",
        *values,
    )
    session.run(
        f"UPDATE steps SET deadline = deadline + {opened}, due_at = CASE status WHEN 'ready'"
        f" THEN due_at + {opened} ELSE due_at END"
        " WHERE queue IS NOT NULL AND status IN ('ready', 'queued')",
        *values,
    )


def ended_before(session: Session, moment_: datetime, keep: int, limit: int) -> list[str]:
    """Ended runs that are too old, or beyond the newest `keep`, oldest first."""
    first_beyond = session.one(
        "SELECT ended_at, id FROM runs WHERE ended_at IS NOT NULL"
        " ORDER BY ended_at DESC, id DESC LIMIT 1 OFFSET ?",
        keep,
    )
    ended_at, run_id = first_beyond or (0.0, "")
    sql = "SELECT id FROM runs WHERE ended_at <= ? OR (ended_at, id) <= (?, ?)"
    sql += " ORDER BY ended_at, id LIMIT ?"
    return [row[0] for row in session.all(sql, moment_.timestamp(), ended_at, run_id, limit)]


def read(row: Row) -> RunRow:
    """One row of `COLUMNS`."""
    ending = RunStatus(row[7]) if row[7] else None
    times = map(moment, row[10:14])
    values = [
        *row[:6],
        RunStatus(row[6]),
        ending,
        *row[8:10],
        *times,
        row[14],
        plans.load(row[15]),
        row[16],
    ]
    return RunRow(*values)
