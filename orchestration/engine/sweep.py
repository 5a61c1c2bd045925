"""Applies timers and dead workers to runs; every tick may come twice, late or never."""

from datetime import timedelta
from functools import partial
from itertools import chain

from orchestration.circuit import CircuitState
from orchestration.decide import facts
from orchestration.engine import approvals, dispatch, outside, pauses
from orchestration.engine.advance import Outcome, advance, error_json
from orchestration.engine.circuits import rest_over
from orchestration.engine.claim import hand_over, nudge
from orchestration.engine.transaction import Transaction
from orchestration.plans import UNDO
from orchestration.state import StepStatus
from orchestration.store import (
    attempts,
    circuits,
    commands,
    control,
    counting,
    events,
    queues,
    retention,
    runs,
    samples,
    starts,
    steps,
    timers,
    workers,
)
from orchestration.store.steps import Key, StepRow
from orchestration.store.workers import WorkerRow

BATCH = 50
ROWS_AT_ONCE = 2_000
LARGEST_DRIFT_S = 5.0
SECOND_THOUGHTS = timedelta(minutes=1)
SAMPLES_KEPT = timedelta(hours=48)


def fire_timers(tx: Transaction) -> int:
    """Fire the timers that are due, at most a batch of each kind; return how many there were."""
    later = tx.now + SECOND_THOUGHTS  # a run that cannot move must not stay the most overdue
    due = steps.due(tx.session, tx.now, BATCH, tx.rules.scope, queued=tx.rules.sends)
    for key in due:
        put_off = partial(timers.postpone_step, tx.session, key, later)
        tx.contain(key[0], partial(fire_by_key, tx, *key), f"timer of {key}", put_off)
    forsaken = attempts.due(tx.session, tx.now, BATCH, tx.rules.scope)
    for held in forsaken:
        put_off = partial(attempts.set_timer, tx.session, held, later)
        tx.contain(held[0][0], partial(outside.abandon, tx, held), f"timer of {held}", put_off)
    overdue = timers.due_runs(tx.session, tx.now, BATCH, tx.rules.scope)
    for run_id in overdue:
        put_off = partial(timers.postpone_run, tx.session, run_id, later)
        tx.contain(run_id, partial(run_out, tx, run_id), f"deadline of {run_id}", put_off)
    rested = circuits.due(tx.session, tx.now, BATCH)
    for agent in rested:
        rest_over(tx, agent)
    for agent in (free := starts.due(tx.session, tx.now, BATCH)):
        starts.set_timer(tx.session, agent, None)
        tx.queues.add(agent)
    return len(due) + len(forsaken) + len(overdue) + len(rested) + len(free)


def run_out(tx: Transaction, run_id: str) -> None:
    """End a run that was running for too long."""
    limit = tx.rules.workflow_timeout.total_seconds()
    runs.set_reason(tx.session, run_id, f"still running after WORKFLOW_TIMEOUT ({limit:g} s)")
    advance(tx, run_id, facts.DeadlineReached())


def fire_by_key(tx: Transaction, run_id: str, step: str, branch: int) -> None:
    """Fire the timer of one branch, unless the branch is gone by now."""
    if (row := steps.get(tx.session, run_id, step, branch)) is not None:
        fire(tx, row)


def fire(tx: Transaction, row: StepRow) -> None:
    """Fire the timer of one branch; the branch's status says what it means."""
    match row.status:
        case StepStatus.READY | StepStatus.QUEUED if must_have_begun(tx, row):
            give_up_waiting(tx, row)
        case StepStatus.QUEUED:
            dispatch.send(tx, row, row.sends + 1)
        case StepStatus.RUNNING if not outside.look_again(tx, row):
            time_out(tx, row)
        case StepStatus.BACKOFF:
            fact = facts.BackoffOver(row.step, row.branch)
            advance(tx, row.run_id, fact, Outcome(kind="retrying", row=row))
        case StepStatus.WAITING if not approvals.remind(tx, row):
            runs.set_reason(tx.session, row.run_id, f"nobody approved step {row.step} in time")
            advance(tx, row.run_id, facts.Rejected(row.step, row.branch))
        case StepStatus.CANCELLED:
            outside.abandon_cancelled(tx, row)
        case _:
            pass  # an earlier timer has ended the run


def must_have_begun(tx: Transaction, row: StepRow) -> bool:
    """Whether a worker should have taken this branch by now."""
    deadline = steps.deadline(tx.session, row)
    return deadline is not None and deadline <= tx.now


def give_up_waiting(tx: Transaction, row: StepRow) -> None:
    """End the wait of a branch for a worker; no attempt of it has begun."""
    spared = queues.look(tx.session, row.agent).circuit is CircuitState.OPEN
    message = f"no worker took it in time: is one up that serves {row.agent}?"
    if spared:
        message = f"it was not sent in time: {row.agent} only failed of late, its circuit is open"
    fact = facts.StartTimedOut(row.step, row.branch)
    outcome = Outcome(kind="timed_out", row=row, error=error_json("StartTimeout", message))
    advance(tx, row.run_id, fact, outcome)


def time_out(tx: Transaction, row: StepRow) -> None:
    """End an attempt that took too long; its code may still be running somewhere."""
    spent = tx.now - (row.claimed_at or tx.now)
    message = f"no result and no progress in time, {spent.total_seconds():.1f} s after its start"
    if (since := outside.silent_since(tx, row)) is not None:
        message += f": nothing was heard of {row.agent} since {since.isoformat(timespec='seconds')}"
    error = error_json("StepTimeout", message)
    ours = not row.is_outside
    fact = facts.Failed(row.step, row.branch, row.failures + 1, retryable=ours or harmless(tx, row))
    outcome = Outcome(kind="timed_out", row=row, error=error, acting=ours, blames=True)
    advance(tx, row.run_id, fact, outcome)


def harmless(tx: Transaction, row: StepRow) -> bool:
    """Whether a step is declared idempotent: doing it twice does no harm."""
    plan = runs.get(tx.session, row.run_id).plan
    return plan.step[row.step.removeprefix(UNDO)].idempotent


def take_over(tx: Transaction, worker: WorkerRow, *, dead: bool) -> int:
    """Move on the branches that a dead or silent worker sent or held; return their number.

    A worker that has beaten since it was found silent keeps everything. Within a scope, a worker
    that has branches of other runs stays listed: another process has to move those on.
    """
    if not dead and workers.has_beaten(tx.session, worker):
        return 0
    if tx.rules.scope is None:
        workers.silence(tx.session, worker.id)
    owned = steps.owned_by(tx.session, worker.id, tx.rules.scope)
    for key in owned:
        work = partial(move_on, tx, key, worker, dead=dead)
        tx.contain(key[0], work, f"take-over of {key}")
    if dead and (settled := attempts.settle_all(tx.session, worker.id, tx.rules.scope)):
        tx.queues.update(queues.ready(tx.session))  # acting attempts may have filled a limit
        for run_id in settled:
            tx.contain(run_id, partial(nudge, tx, run_id), f"settling of {run_id}")
    if dead and (tx.rules.scope is None or holds_nothing(tx, worker.id)):
        workers.leave(tx.session, worker.id, tx.now, died=True)
    return len(owned)


def holds_nothing(tx: Transaction, worker: str) -> bool:
    """Whether a worker neither sent nor holds any branch, nor may still act on one."""
    return not steps.owned_by(tx.session, worker, None) and not attempts.held_by(tx.session, worker)


def move_on(tx: Transaction, key: Key, worker: WorkerRow, *, dead: bool) -> None:
    """Take one branch from a worker, unless it is gone or another's by now."""
    row = steps.get(tx.session, *key)
    if row is None or row.owner != worker.id:
        return
    if row.status is StepStatus.QUEUED:
        dispatch.send(tx, row, 0)
    elif dead and worker.draining:
        hand_over(tx, row)
    else:
        lose(tx, row, worker, acting=not dead)


def lose(tx: Transaction, row: StepRow, worker: WorkerRow, *, acting: bool) -> None:
    """Record an attempt as lost with its dead or silent worker."""
    what = "fell silent" if acting else "died"
    message = f"worker {worker.host}:{worker.pid} {what} while it held this attempt"
    fact = facts.Lost(row.step, row.branch, row.losses + 1)
    error = error_json("WorkerLost", message)
    advance(tx, row.run_id, fact, Outcome(kind="lost", row=row, error=error, acting=acting))


def refill(tx: Transaction) -> None:
    """Start any run or step that could go and was missed: a safety net."""
    pauses.end_with_runs(tx)
    tx.slot_freed = True
    tx.queues.update(queues.ready(tx.session))


def forget(tx: Transaction, kept: retention.Keep) -> int:
    """Delete a small batch of rows that need not be kept; return how many.

    A run whose events are not all counted yet stays until they are.
    """
    rows = 0
    begun = retention.remains(tx.session, BATCH)
    old = retention.ended(tx.session, kept, BATCH)
    for run_id in chain(begun, filter(partial(counting.is_counted, tx.session), old)):
        rows += retention.forget_run(tx.session, run_id, ROWS_AT_ONCE - rows)
        if rows >= ROWS_AT_ONCE:
            return rows
    rows += commands.forget(tx.session, tx.now, BATCH)
    for table in ("alerts", "dead_letters", "data_messages"):
        rows += retention.forget_aged(tx.session, table, kept, BATCH)
    rows += samples.forget(tx.session, tx.now - SAMPLES_KEPT, BATCH)
    return rows + retention.forget_old(tx.session, kept, BATCH)


def is_jump(before: float, offset: float) -> bool:
    """Whether wall clock minus monotonic clock has changed by more than clocks drift."""
    return abs(offset - before) > LARGEST_DRIFT_S


def follow_clock(tx: Transaction, boot: str, offset: float) -> float:
    """Shift every timer if wall clock minus monotonic clock has jumped; return the offset."""
    agreed = control.clock_offset(tx.session, boot)
    if agreed is not None and not is_jump(agreed, offset):
        return agreed
    if agreed is not None:
        timers.shift(tx.session, offset - agreed)
        events.add(tx.session, "", tx.now, "clock.jumped", detail=f"{offset - agreed:+.1f} s")
    control.set_clock_offset(tx.session, boot, offset)
    return offset
