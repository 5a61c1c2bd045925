"""Claim → work → fenced completion: how one worker, and only one, ends an attempt."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orchestration.decide import facts
from orchestration.engine import emergency, opening, pace, room, yields
from orchestration.engine.advance import Outcome, advance, finish, follow, measure
from orchestration.engine.transaction import Transaction
from orchestration.engine.yields import Yield
from orchestration.plans import UNDO
from orchestration.ports import Dispatch
from orchestration.state import Run, StepStatus
from orchestration.store import agents, artifacts, attempts, runs, steps
from orchestration.store.steps import Held, Key, StepRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on one attempt, and all that the work needs.

    Attributes:
        key: Run, step and branch.
        action: The agent's action to call.
        parameters: The run's parameters as JSON text.
        never_retry: Names of exception types that no retry can help.
        progress_timeout: Longest silence between two progress reports.
        reads: For each step whose result the action may read, whether that is a list.
        in_list: Whether its own step fans out.
        configures: Names of the configuration that the step may set.
        correlation_id: The message that asked for the run, if a message did.
        known: Results written in the same transaction, as JSON text by step; they need not be
            read from the store.
    """

    key: Key
    attempt: int
    agent: str
    action: str
    command: str
    parameters: str
    item: Any
    never_retry: tuple[str, ...]
    progress_timeout: timedelta | None
    reads: Mapping[str, bool]
    in_list: bool
    configures: tuple[str, ...] = ()
    correlation_id: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this branch."""
        run_id, step, branch = self.key
        return f"{run_id}:{step}[{branch}]" if self.in_list else f"{run_id}:{step}"


TakeOn = Callable[[Claim | None], None]


@dataclass(frozen=True, slots=True)
class Report:
    """Live progress of a held attempt."""

    key: Key
    attempt: int
    fraction: float
    message: str
    progress_timeout: timedelta | None


def claim(tx: Transaction, message: Dispatch) -> Claim | None:
    """Claim a queued attempt; None if it is queued no longer, or this worker may not have it."""
    found = steps.get_with_run(tx.session, (message.run_id, message.step, message.branch))
    if found is None:
        return None
    row, run = found
    if row.status is not StepStatus.QUEUED or row.attempt != message.attempt - 1:
        return None
    queue = room.look(tx, row.agent)
    if row.offer not in tx.rules.offers or not queue.listed or (queue.stopped and not run.system):
        return None
    if pace.left(tx, row.agent) <= 0:
        return None
    steps.claim(tx.session, opening.claimed(tx, run, row))
    runs.recount(tx.session, run.moved(row.step, StepStatus.READY, StepStatus.RUNNING))
    if queue.ready is not None:
        tx.queues.add(row.agent)
    return as_claim(row, run, {})


def as_claim(row: StepRow, run: Run, known: Mapping[str, str]) -> Claim:
    """The claim of the next attempt of a branch."""
    target = run.plan.step[row.step.removeprefix(UNDO)]
    return Claim(
        key=row.key,
        attempt=row.attempt + 1,
        agent=row.agent,
        action=row.offer.removeprefix(f"{row.agent}.").rpartition("@")[0],
        command=run.plan.name,
        parameters=run.parameters,
        item=None if row.item is None else json.loads(row.item),
        never_retry=target.retry.never,
        progress_timeout=target.progress_timeout,
        reads={name: run.plan.fans_out[name] for name in run.plan.readable_by(row.step)},
        in_list=target.fans_out,
        configures=tuple(target.configures),
        correlation_id=run.correlation_id,
        known=known,
    )


def known_by(row: StepRow, run: Run, text: str | None) -> Mapping[str, str]:
    """A step's result, if the worker that has just completed the branch knows all of it."""
    return {} if text is None or run.plan.fans_out.get(row.step, True) else {row.step: text}


def held(tx: Transaction, key: Key, attempt: int) -> StepRow | None:
    """The branch, if this worker still holds this attempt of it."""
    row = steps.get(tx.session, *key)
    return row if row is not None and is_mine(tx, row, attempt) else None


def is_mine(tx: Transaction, row: StepRow, attempt: int) -> bool:
    """Whether this worker still holds an attempt of a branch."""
    mine = row.status is StepStatus.RUNNING and row.owner == tx.rules.me
    return mine and row.attempt == attempt


def keep(tx: Transaction, key: Key, attempt: int, name: str, piece: tuple[int, bytes]) -> None:
    """Write one piece of a large result ahead of its completion, while the claim is held."""
    if held(tx, key, attempt) is not None:
        artifacts.put(tx.session, key[0], name, *piece)


def complete(
    tx: Transaction,
    key: Key,
    attempt: int,
    result: tuple[str | None, str | None],
    also: Yield,
    take_on: TakeOn | None = None,
) -> bool:
    """Write an attempt's result and advance the run; False if the claim is lost.

    Args:
        tx: The transaction.
        key: The branch.
        attempt: The attempt that was claimed.
        result: Its result as JSON text, or the name of the artifact that has it.
        also: What the attempt yields besides its result.
        take_on: Called with the claim that follows at once, or None if none does; it must keep
            the last claim until the commit is known.
    """
    found = steps.get_with_run(tx.session, key)
    if found is None or not is_mine(tx, found[0], attempt):
        return is_done(tx, key, attempt) or give_up(tx, key, attempt)
    row, before = found
    if also.configuration and emergency.forbids(tx, key[0]):
        return False
    yields.write(tx, row, attempt, also)
    text, artifact = result
    outcome = Outcome(kind="completed", row=row, result=text, artifact=artifact)
    run = follow(tx, before, facts.Completed(key[1], key[2]), outcome)
    taken = None if take_on is None else opening.take_first(tx, run)
    finish(tx, before, run, taken)
    if take_on is not None:
        take_on(as_claim(taken, run, known_by(row, run, text)) if taken else None)
    return True


def fail(tx: Transaction, key: Key, attempt: int, error: str, *, retryable: bool) -> bool:
    """Record that an attempt raised, and retry or fail the step; False if the claim is lost."""
    row = held(tx, key, attempt)
    if row is None:
        return give_up(tx, key, attempt)
    error = tx.rules.mask(error)
    agents.count_error(tx.session, row.agent, error)
    fact = facts.Failed(key[1], key[2], row.failures + 1, retryable)
    advance(tx, key[0], fact, Outcome(kind="failed", row=row, error=error, blames=retryable))
    return True


def hand_over(tx: Transaction, row: StepRow) -> None:
    """Give back a claim that no thread works on; it counts neither as failure nor as loss."""
    fact = facts.HandedOver(row.step, row.branch)
    advance(tx, row.run_id, fact, Outcome(kind="handed_over", row=row))


def is_done(tx: Transaction, key: Key, attempt: int) -> bool:
    """Whether this very attempt is completed: its completion came twice."""
    row = steps.get(tx.session, *key)
    done = row is not None and row.status is StepStatus.COMPLETED
    return done and row is not None and row.attempt == attempt


def give_up(tx: Transaction, key: Key, attempt: int) -> bool:
    """Record that an attempt whose claim was lost acts no longer: an undo may wait for that."""
    if attempts.settle(tx.session, key, attempt, tx.rules.me):
        nudge(tx, key[0])
        if row := steps.get(tx.session, *key):
            tx.queues.add(row.agent)
    return False


def nudge(tx: Transaction, run_id: str) -> None:
    """Let a run that waits for its attempts to settle check whether they have."""
    advance(tx, run_id, facts.AttemptSettled())


def report(tx: Transaction, reports: list[Report]) -> list[Held]:
    """Write live progress, and return the attempts that have lost their claim."""
    lost = []
    for each in reports:
        row = held(tx, each.key, each.attempt)
        if row is None:
            lost.append((each.key, each.attempt))
            continue
        due_at = None
        if each.progress_timeout is not None:
            deadline = steps.deadline(tx.session, row)
            silent_at = tx.now + each.progress_timeout
            due_at = min(silent_at, deadline) if deadline else silent_at
        message = tx.rules.mask(each.message)
        steps.report(tx.session, row, each.fraction, message, due_at)
    written = {each.key[0] for each in reports if (each.key, each.attempt) not in lost}
    for run_id in sorted(written):
        measure(tx, runs.load(tx.session, run_id))
    return lost
