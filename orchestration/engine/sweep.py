"""What the clock and dead workers mean for runs; every tick may come twice, late or never."""

import json
from datetime import timedelta

from orchestration.decide import facts
from orchestration.engine import dispatch, outside
from orchestration.engine.advance import Outcome, advance
from orchestration.engine.claim import hand_over, nudge
from orchestration.engine.transaction import Transaction
from orchestration.plans import UNDO
from orchestration.state import StepStatus
from orchestration.store import attempts, commands, control, events, runs, steps, workers
from orchestration.store.steps import StepRow
from orchestration.store.workers import WorkerRow

BATCH = 50
DELETED_AT_ONCE = 20
LARGEST_DRIFT_S = 5.0


def fire_timers(tx: Transaction) -> int:
    """Act on wake-ups that have come, at most a batch; how many there were."""
    due = steps.due(tx.session, tx.now, BATCH, tx.rules.scope)
    for row in due:
        current = steps.get(tx.session, *row.key)
        if current is not None and current.status is row.status:
            fire(tx, current)
    overdue = runs.due(tx.session, tx.now, BATCH, tx.rules.scope)
    for run_id in overdue:
        limit = tx.rules.workflow_timeout.total_seconds()
        runs.set_reason(tx.session, run_id, f"still running after WORKFLOW_TIMEOUT ({limit:g} s)")
        advance(tx, run_id, facts.DeadlineReached())
    return len(due) + len(overdue)


def fire(tx: Transaction, row: StepRow) -> None:
    """Act on the wake-up of one branch; its status says what it means."""
    match row.status:
        case StepStatus.QUEUED if tx.rules.sends:
            dispatch.send(tx, row, row.sends + 1)
        case StepStatus.RUNNING if not outside.look_again(tx, row):
            time_out(tx, row)
        case StepStatus.BACKOFF:
            fact = facts.BackoffOver(row.step, row.branch)
            advance(tx, row.run_id, fact, Outcome(kind="retrying", row=row))
        case StepStatus.WAITING:
            runs.set_reason(tx.session, row.run_id, f"nobody approved step {row.step} in time")
            advance(tx, row.run_id, facts.Rejected(row.step, row.branch))
        case StepStatus.CANCELLED:
            outside.abandon(tx, row)
        case _:
            pass


def time_out(tx: Transaction, row: StepRow) -> None:
    """End an attempt that took too long; its code may still be running somewhere."""
    spent = tx.now - (row.claimed_at or tx.now)
    message = f"no result and no progress in time, {spent.total_seconds():.1f} s after its start"
    error = error_json("StepTimeout", message)
    ours = not row.is_outside
    fact = facts.Failed(row.step, row.branch, row.failures + 1, retryable=ours or harmless(tx, row))
    outcome = Outcome(kind="timed_out", row=row, error=error, acting=ours)
    advance(tx, row.run_id, fact, outcome)


def harmless(tx: Transaction, row: StepRow) -> bool:
    """Whether a step says that doing it twice does no harm."""
    plan = runs.get(tx.session, row.run_id).plan
    return plan.step[row.step.removeprefix(UNDO)].idempotent


def take_over(tx: Transaction, worker: WorkerRow, *, dead: bool) -> int:
    """Move on what a dead or silent worker sent and held; how many branches that was.

    Within a scope the worker stays listed: somebody else has to move on the rest.
    """
    rows = steps.owned_by(tx.session, worker.id, tx.rules.scope)
    for row in rows:
        if row.status is StepStatus.QUEUED:
            dispatch.send(tx, row, 0)
        elif dead and worker.draining:
            hand_over(tx, row)
        else:
            lose(tx, row, worker, acting=not dead)
    if tx.rules.scope is not None:
        return len(rows)
    if dead:
        for run_id in attempts.settle_all(tx.session, worker.id):
            nudge(tx, run_id)
        workers.leave(tx.session, worker.id, tx.now)
    else:
        workers.silence(tx.session, worker.id)
    return len(rows)


def lose(tx: Transaction, row: StepRow, worker: WorkerRow, *, acting: bool) -> None:
    """Write that an attempt went down, or silent, with its worker."""
    what = "fell silent" if acting else "died"
    message = f"worker {worker.host}:{worker.pid} {what} while it held this attempt"
    fact = facts.Lost(row.step, row.branch, row.losses + 1)
    error = error_json("WorkerLost", message)
    advance(tx, row.run_id, fact, Outcome(kind="lost", row=row, error=error, acting=acting))


def refill(tx: Transaction) -> None:
    """See whether a run or a step could go that nobody let go: a safety net."""
    tx.slot_freed = True
    tx.queues.update(steps.ready_queues(tx.session))


def forget(tx: Transaction, age: timedelta, keep: int) -> int:
    """Delete a small batch of what is too old to keep; how much that was."""
    old = runs.ended_before(tx.session, tx.now - age, keep, DELETED_AT_ONCE)
    for run_id in old:
        runs.delete(tx.session, run_id)
    keys = commands.forget(tx.session, tx.now, BATCH)
    gone = workers.forget(tx.session, tx.now - age)
    return len(old) + keys + gone


def follow_clock(tx: Transaction, boot: str, offset: float) -> bool:
    """Move every timer when wall clock minus monotonic clock has jumped; whether it had."""
    agreed = control.clock_offset(tx.session, boot)
    if agreed is None:
        control.set_clock_offset(tx.session, boot, offset)
        return False
    jump = offset - agreed
    if abs(jump) <= LARGEST_DRIFT_S:
        return False
    steps.shift(tx.session, jump)
    control.set_clock_offset(tx.session, boot, offset)
    events.add(tx.session, "", tx.now, "clock.jumped", detail=f"{jump:+.1f} s")
    return True


def error_json(kind: str, message: str) -> str:
    """An error as it is kept: type, message and traceback."""
    return json.dumps({"type": kind, "message": message, "traceback": None})
