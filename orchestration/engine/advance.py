"""The one place where decisions become rows: load → decide → write, in the caller's transaction."""

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from orchestration import paths
from orchestration.decide import decide, facts
from orchestration.decide.effects import Effect, Move, MoveAll, Open, Resolve, Settle
from orchestration.decide.facts import Fact
from orchestration.engine import alerts, approvals, circuits, opening, speech
from orchestration.engine.transaction import Transaction
from orchestration.errors import RejectedError
from orchestration.plans import UNDO
from orchestration.state import Run, RunStatus, StepStatus, progress
from orchestration.store import artifacts, attempts, events, outbox, runs, steps, tallies, undo
from orchestration.store.alerts import AlertKind
from orchestration.store.steps import StepRow

MOST_BRANCHES = 10_000
Kind = Literal["completed", "failed", "timed_out", "lost", "handed_over", "approved", "retrying"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the attempt that a fact concerns has ended.

    Attributes:
        kind: The name of the event after `step.`; the first five of them end an attempt.
        row: The attempt's branch before the fact.
        error: JSON of type, message and traceback.
        acting: Whether the attempt may still have effects: no process has seen it stop.
        blames: Whether it counts against the agent: another input would have failed as well.
    """

    kind: Kind
    row: StepRow
    result: str | None = None
    artifact: str | None = None
    error: str | None = None
    acting: bool = False
    blames: bool = False


def error_json(kind: str, message: str) -> str:
    """An error as it is stored: JSON of type, message and traceback."""
    return json.dumps({"type": kind, "message": message, "traceback": None})


def advance(tx: Transaction, run: Run | str, fact: Fact, outcome: Outcome | None = None) -> Run:
    """Apply a fact and all that follow from it, and write the result.

    Args:
        tx: The transaction.
        run: The run as it is in the store, or its id where it has to be loaded.
        fact: What happened.
        outcome: How the attempt that the fact concerns has ended.
    """
    before = runs.load(tx.session, run) if isinstance(run, str) else run
    return finish(tx, before, follow(tx, before, fact, outcome))


def follow(tx: Transaction, run: Run, fact: Fact, outcome: Outcome | None = None) -> Run:
    """Decide, and write the branches; `finish` writes the run itself."""
    open_facts = deque([fact])
    while open_facts:
        decision = decide(run, open_facts.popleft())
        run = decision.run
        for effect in decision.effects:
            open_facts.extend(apply(tx, run, effect, outcome))
    return run


def finish(tx: Transaction, before: Run, run: Run, taken: StepRow | None = None) -> Run:
    """Begin the opened branches, and write the run; `taken` is one that is claimed already."""
    opening.begin(tx, run)
    if run is before:
        return run
    done = share_done(tx, run)
    if taken is not None:
        run = run.moved(taken.step, StepStatus.READY, StepStatus.RUNNING)
    runs.save(tx.session, before, run, done, tx.now, tx.rules.workflow_timeout)
    tell(tx, run, outbox.PROGRESS)
    if run.status is not before.status:
        events.add(tx.session, run.id, tx.now, f"run.{run.status}")
        tx.slot_freed = True
    if run.status.ended and not before.status.ended:
        tell_end(tx, run)
        if run.status is RunStatus.FAILED:
            tell_failure(tx, run)
    return run


def tell_end(tx: Transaction, run: Run) -> None:
    """Notify a run's requester of the end, after every notice before it.

    A notice of an earlier generation's end may still be pending: it would keep its old place.
    """
    if run.generation > 1:
        outbox.withdraw(tx.session, f"{outbox.FINAL}:{run.id}")
    tell(tx, run, outbox.FINAL)


def tell_failure(tx: Transaction, run: Run) -> None:
    """Raise an alert for a run that failed, with the reason."""
    reason, failed = runs.get(tx.session, run.id).reason, attempts.first_error(tx.session, run.id)
    if failed is not None:
        error = json.loads(failed[1]) or {}
        reason = reason or f"step {failed[0]}: {error.get('type')}: {error.get('message')}"
    message = f"{run.id} failed: {reason or 'no message'}"
    alerts.alert(tx, AlertKind.WORKFLOW_FAILED, run.plan.name, message, run_id=run.id)


def measure(tx: Transaction, run: Run) -> None:
    """Write how much of a run is done, and notify its requester."""
    runs.advance(tx.session, run.id, share_done(tx, run))
    tell(tx, run, outbox.PROGRESS)


def share_done(tx: Transaction, run: Run) -> float:
    """How much of a run is done, including progress that running branches have reported."""
    at_work = run.count_branches(StepStatus.RUNNING)
    return progress(run, tallies.fractions(tx.session, run.id) if at_work else {})


def tell(tx: Transaction, run: Run, what: str) -> None:
    """Put a notice for a run's requester, if there is one, into the outbox."""
    if run.requester is not None:
        outbox.notice(tx.session, what, run.id, tx.now)


def apply(tx: Transaction, run: Run, effect: Effect, outcome: Outcome | None) -> list[Fact]:
    """Write one effect, and return the facts that follow from it."""
    match effect:
        case Resolve(step):
            return [resolve(tx, run, step)]
        case Open():
            open_branches(tx, run, effect)
        case Move():
            move(tx, run, effect, outcome)
        case MoveAll():
            move_all(tx, run, effect)
        case Settle():
            return settle(tx, run)
    return []


def resolve(tx: Transaction, run: Run, name: str) -> Fact:
    """Look up whether a step runs, and in how many branches."""
    step = run.plan.step[name]
    try:
        if step.when is not None and not look_up(tx, run, step.when):
            return facts.Resolved(name, 0, wanted=False)
        return facts.Resolved(name, len(items(tx, run, name)))
    except RejectedError as error:
        runs.set_reason(tx.session, run.id, f"step {name}: {error}")
        return facts.Unresolvable(name)


def items(tx: Transaction, run: Run, name: str) -> list[Any]:
    """The item of each branch of a step; one None where the step does not fan out.

    Raises:
        RejectedError: The path leads nowhere, to no list, or to a list that is too long.
    """
    step = run.plan.step[name]
    if not isinstance(step.agent, str):
        return list(step.agents)
    if step.for_each is None:
        return [None]
    found = look_up(tx, run, step.for_each)
    if not isinstance(found, list) or len(found) > MOST_BRANCHES:
        raise RejectedError(f"for_each {step.for_each!r} is no list of at most {MOST_BRANCHES}")
    return found


def look_up(tx: Transaction, run: Run, path: str) -> Any:
    """The value of a dotted path in this run."""

    def result(name: str) -> Any:
        values = artifacts.result(tx.session, run.id, name)
        return values if run.plan.step[name].fans_out else values[0]

    return paths.look_up(path, json.loads(run.parameters), result)


def open_branches(tx: Transaction, run: Run, effect: Open) -> None:
    """Write new branches, or the undo of one."""
    target = run.plan.step[effect.step.removeprefix(UNDO)]
    due_at = due_in(tx, run, effect.step, effect.status)
    branches = range(effect.first, effect.first + effect.count) if effect.count else (-1,)
    for branch, item in zip(branches, items_of(tx, run, effect), strict=True):
        status = effect.status if branch >= 0 else StepStatus.SKIPPED
        new = StepRow(
            run_id=run.id,
            step=effect.step,
            branch=branch,
            agent=target.agent_of(max(branch, 0)),
            offer=run.plan.offer(effect.step, max(branch, 0)),
            status=status,
            rank=run.rank,
            item=item,
            opened_at=tx.now,
            attempt=run.attempts_from,
            due_at=due_at,
            deadline=due_at,
            ended_at=tx.now if status is StepStatus.SKIPPED else None,
        )
        if status is StepStatus.READY:
            tx.opened.append(new)
        else:
            steps.insert(tx.session, new)
            events.add(tx.session, run.id, tx.now, f"step.{status}", (effect.step, branch))
    if effect.status is StepStatus.WAITING and effect.count:
        approvals.begin(tx, run, effect.step)


def items_of(tx: Transaction, run: Run, effect: Open) -> list[str | None]:
    """The item of each opened branch, as JSON text; an undo has that of the branch it undoes."""
    if effect.step.startswith(UNDO):
        undone = steps.get(tx.session, run.id, effect.step.removeprefix(UNDO), effect.first)
        return [undone.item if undone else None]
    if effect.status is StepStatus.SKIPPED or not effect.count:
        return [None]
    found = items(tx, run, effect.step)
    return [None if item is None else json.dumps(item) for item in found]


def move(tx: Transaction, run: Run, effect: Move, outcome: Outcome | None) -> None:
    """Move the branch that the fact concerns."""
    if outcome is None:
        raise AssertionError("a branch moves only with an outcome")
    row = outcome.row
    if effect.target is StepStatus.COMPLETED:
        result = outcome.result, outcome.artifact
        order = run.count_branches(StepStatus.COMPLETED) - 1
        steps.complete(tx.session, row, tx.now, result, order)
        circuits.succeeded(tx, row)
    else:
        write_outcome(tx, row, outcome)
        due_at = due_in(tx, run, effect.step, effect.target)
        if effect.pause is not None:
            due_at = tx.now + effect.pause * (0.5 + tx.rules.jitter())
        steps.release(tx.session, row, effect.target, tx.now, due_at)
    if effect.source is StepStatus.WAITING:
        approvals.end(tx, run.id, row.step)
    if outcome.blames:
        circuits.failed(tx, row)
    tx.queues.add(row.agent)
    place = (row.step, row.branch)
    events.add(tx.session, row.run_id, tx.now, f"step.{outcome.kind}", place, outcome.error)


def write_outcome(tx: Transaction, row: StepRow, outcome: Outcome) -> None:
    """Archive an attempt that did not complete, if one had begun, and count its failure or loss."""
    error = outcome.error or "null"
    if row.status is not StepStatus.RUNNING:
        if outcome.error:
            steps.count_failure(tx.session, row, error, unknown=False)
        return
    kind, acting = outcome.kind, outcome.acting
    archive(tx, row, kind, error, acting=acting)
    if kind == "lost":
        steps.count_loss(tx.session, row, error)
    elif kind != "handed_over":
        steps.count_failure(tx.session, row, error, unknown=kind == "timed_out")
    else:
        steps.mark_unknown(tx.session, row)


def archive(tx: Transaction, row: StepRow, kind: str, error: str, *, acting: bool) -> None:
    """Archive an attempt; an outside agent that may still act on it is told to cancel.

    A command that has not left by now never does.
    """
    due_at = None
    if row.is_outside:
        speech.take_back(tx, row)
    if acting and row.is_outside:
        speech.cancel(tx, row)
        deadline = steps.deadline(tx.session, row) or tx.now
        due_at = min(deadline, tx.now + tx.rules.silence)
    attempts.archive(tx.session, row, kind, tx.now, error, acting=acting, due_at=due_at)


def move_all(tx: Transaction, run: Run, effect: MoveAll) -> None:
    """Move every branch of a step that is in one status."""
    opening.write(tx)
    waits_until = due_in(tx, run, effect.step, effect.target)
    for row in steps.in_status(tx.session, run.id, effect.step, effect.source):
        if row.status is StepStatus.RUNNING:
            archive(tx, row, "cancelled", "null", acting=True)
            steps.mark_unknown(tx.session, row)
            events.add(tx.session, run.id, tx.now, "step.cancelled", (row.step, row.branch))
        steps.release(tx.session, row, effect.target, tx.now, waits_until)
        tx.queues.add(row.agent)
    if not effect.source.open:
        steps.forgive(tx.session, run.id, effect.step)
    if effect.target is StepStatus.WAITING:
        approvals.begin(tx, run, effect.step)
    if effect.source is StepStatus.WAITING:
        approvals.end(tx, run.id, effect.step)


def due_in(tx: Transaction, run: Run, name: str, status: StepStatus) -> datetime | None:
    """The deadline of a branch that waits for a person or a worker; None if it has none."""
    step = run.plan.step[name.removeprefix(UNDO)]
    if status is StepStatus.WAITING and step.approved_within:
        return tx.now + step.approved_within
    if status is StepStatus.READY and step.start_within and step.name == name:
        return tx.now + step.start_within
    return None


def settle(tx: Transaction, run: Run) -> list[Fact]:
    """Once no attempt of a run acts any more, return what is left to undo."""
    if run.status is not RunStatus.UNDOING or attempts.acting(tx.session, run.id):
        return []
    names = [step.name for step in run.plan.steps if step.undo]
    return [facts.Settled(tuple(undo.undoable(tx.session, run.id, names, limit=1)))]
