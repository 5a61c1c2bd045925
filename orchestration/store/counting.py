"""Counts events for the metrics: each once, soon after it was written; it is kept until then.

Only one transaction writes at a time, so ids of events rise as they are committed: those up to a
mark are counted, those beyond it are not. The columns read from other rows never change once the
event is written, so it does not matter when they are read.
"""

from dataclasses import dataclass, field

from orchestration import metrics
from orchestration.metrics import Tally
from orchestration.ports import Row, Session
from orchestration.store import counters

BATCH = 5_000
ATTEMPT_ENDS = ", ".join(f"'step.{each}'" for each in metrics.OUTCOMES)
ENDS = "'run.completed', 'run.failed', 'run.cancelled'"
STATES = f"{ENDS}, 'run.pending', 'run.running', 'run.waiting', 'run.paused', 'run.undoing'"
STATE_BEFORE = (
    "SELECT MAX(b.id) FROM events b WHERE b.run_id = e.run_id AND b.id < e.id"
    f" AND b.kind IN ({STATES})"
)
BEGINNING = (
    "SELECT MIN(b.at) FROM events b WHERE b.run_id = e.run_id AND b.kind = 'run.pending'"
    " AND b.id > COALESCE((SELECT MAX(c.id) FROM events c WHERE c.run_id = e.run_id"
    f" AND c.id < e.id AND c.kind IN ({ENDS})), 0)"
)
MOVED = (
    f"SELECT r.command, e.kind, p.kind, e.at - p.at FROM events e JOIN runs r ON r.id = e.run_id"
    f" LEFT JOIN events p ON p.id = ({STATE_BEFORE})"
    " WHERE e.id > ? AND e.id <= ? AND e.kind IN ('run.pending', 'run.running')"
)
ENDED = (
    f"SELECT r.command, e.kind, e.at - ({BEGINNING}) FROM events e JOIN runs r ON r.id = e.run_id"
    f" WHERE e.id > ? AND e.id <= ? AND e.kind IN ({ENDS})"
)
NEXT = (  # by rows, not by ids: a restore lets ids jump far
    "SELECT MAX(id) FROM (SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?) AS next"
)
EARLIER = (  # by the rows: a restore lets the numbers of attempts leap
    "SELECT 1 FROM attempts b WHERE b.run_id = e.run_id AND b.step = e.step"
    " AND b.branch = e.branch AND b.attempt < COALESCE(a.attempt, s.attempt)"
)
ATTEMPTED = (
    f"SELECT r.command, e.step, s.agent, e.kind, EXISTS ({EARLIER}),"
    " COALESCE(a.started_at, s.claimed_at) - s.opened_at,"
    " e.at - COALESCE(a.started_at, s.claimed_at)"
    " FROM events e JOIN runs r ON r.id = e.run_id JOIN steps s ON s.run_id = e.run_id"
    " AND s.step = e.step AND s.branch = e.branch"
    " LEFT JOIN attempts a ON a.run_id = e.run_id AND a.step = e.step AND a.branch = e.branch"
    " AND a.ended_at = e.at AND e.kind <> 'step.completed'"
    f" WHERE e.id > ? AND e.id <= ? AND e.kind IN ({ATTEMPT_ENDS})"
    " AND (e.kind = 'step.completed' OR a.attempt IS NOT NULL)"
)


@dataclass(slots=True)
class Uncounted:
    """Counts of events that the counters do not include yet.

    Attributes:
        after: The last event that is counted already.
        upto: The last event that these counts include.
    """

    after: int
    upto: int
    tally: Tally = field(default_factory=Tally)


def look(session: Session) -> Uncounted:
    """Count the next events, at most `BATCH`."""
    after = mark(session)
    row = session.one(NEXT, after, BATCH)
    found = Uncounted(after, after if row is None or row[0] is None else int(row[0]))
    if found.upto > after:
        for each in session.all(MOVED, after, found.upto):
            _moved(found.tally, each)
        for each in session.all(ENDED, after, found.upto):
            _ended(found.tally, each)
        for each in session.all(ATTEMPTED, after, found.upto):
            _attempted(found.tally, each)
    return found


def write(session: Session, found: Uncounted) -> int:
    """Write counts of events, unless another process has; return how many events they span."""
    mine = "UPDATE control SET counted = ? WHERE id = 1 AND counted = ?"
    if not session.changed(mine, found.upto, found.after):
        return 0
    counters.add(session, found.tally)
    return found.upto - found.after


def mark(session: Session) -> int:
    """The last event that is counted."""
    row = session.one("SELECT counted FROM control WHERE id = 1")
    return int(row[0]) if row else 0


def is_counted(session: Session, run_id: str) -> bool:
    """Whether every event of a run is counted, so that the run may be deleted."""
    sql = "SELECT 1 FROM events WHERE run_id = ? AND id > ? LIMIT 1"
    return session.one(sql, run_id, mark(session)) is None


def _moved(tally: Tally, row: Row) -> None:
    command, kind, before, waited = row
    if kind == "run.running":
        if before == "run.pending":
            tally.observe(metrics.SLOT_WAIT, waited, command)
    elif before is None:
        tally.count(metrics.RUNS_ACCEPTED, command)
    elif f"'{before}'" in ENDS:
        tally.count(metrics.RUNS_RETRIED, command)


def _ended(tally: Tally, row: Row) -> None:
    command, kind, took = row
    tally.count(metrics.RUNS_ENDED, command, kind.removeprefix("run."))
    if took is not None:
        tally.observe(metrics.RUN_DURATION, took, command)


def _attempted(tally: Tally, row: Row) -> None:
    command, step, agent, kind, is_again, waited, took = row
    tally.count(metrics.ATTEMPTS, command, step, agent, kind.removeprefix("step."))
    if not is_again and waited is not None:
        tally.observe(metrics.STEP_WAIT, waited, agent)
    if kind == "step.completed" and took is not None:
        tally.observe(metrics.STEP_DURATION, took, command, step)
