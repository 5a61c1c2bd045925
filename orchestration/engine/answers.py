"""A person's answer to a waiting step: once, for what was shown, never for a run of their own."""

import hashlib
import json
from collections.abc import Sequence

from orchestration.decide import facts
from orchestration.engine import emergency
from orchestration.engine.advance import Outcome, advance
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, OwnRunError, StateError
from orchestration.ports import Session
from orchestration.state import RunStatus, StepStatus
from orchestration.store import audit, causers, configuration, runs, slot_queue, steps
from orchestration.store.control import life
from orchestration.store.runs import RunRow
from orchestration.store.steps import StepRow


def approve(tx: Transaction, run_id: str, step: str, shown: str, by: By) -> RunStatus:
    """Approve the branches of a step that wait for a person.

    Args:
        tx: The transaction in which everything is checked and written.
        run_id: The run.
        step: The step that waits.
        shown: The `fingerprint` of what that person saw.
        by: The person.

    Raises:
        NotFoundError: No branch waits there.
        OwnRunError: It is the person's own run.
        StateError: The approval has expired, or is not for what was shown.
        StoppedError: An emergency stop holds.
    """
    refuse_own(tx.session, run_id, by)
    emergency.check(tx, f"{step} of {run_id} cannot be approved")
    status = runs.load(tx.session, run_id).status
    rows = waiting(tx.session, run_id, step)
    if shown != fingerprint(tx.session, runs.get(tx.session, run_id), rows):
        raise StateError(f"{run_id}: what waits at {step} is not what was shown: look again")
    if any(row.deadline is not None and row.deadline <= tx.now for row in rows):
        raise StateError(f"{run_id}: the approval of {step} has expired; retry the run")
    for row in rows:
        audit.add(tx.session, tx.now, str(by), "approve", f"{run_id}:{step}[{row.branch}]")
        outcome = Outcome(kind="approved", row=row)
        after = advance(tx, run_id, facts.Approved(row.step, row.branch), outcome).status
        if status is RunStatus.WAITING and after is RunStatus.PENDING:
            slot_queue.move_to_head(tx.session, run_id)
        status = after
    return status


def reject(tx: Transaction, run_id: str, step: str, by: By) -> RunStatus:
    """Reject a step that waits for a person: the run is cancelled.

    Raises:
        NotFoundError: No branch waits there.
        OwnRunError: It is the person's own run.
    """
    refuse_own(tx.session, run_id, by)
    row = waiting(tx.session, run_id, step)[0]
    audit.add(tx.session, tx.now, str(by), "reject", f"{run_id}:{step}")
    runs.set_reason(tx.session, run_id, f"step {step} was rejected by {by}")
    return advance(tx, run_id, facts.Rejected(row.step, row.branch)).status


def refuse_own(session: Session, run_id: str, by: By) -> None:
    """Refuse an answer for the actor's own run, provided that a token identifies the actor.

    Raises:
        OwnRunError: The actor started the run, or added or triggered the schedule that did.
    """
    if by.owns(causers.of_run(session, run_id)):
        raise OwnRunError(f"{by.actor} has started {run_id}: somebody else must answer for it")


def waiting(session: Session, run_id: str, step: str) -> list[StepRow]:
    """The branches of a step that wait for a person.

    Raises:
        NotFoundError: There are none.
    """
    runs.load(session, run_id)
    rows = steps.in_status(session, run_id, step, StepStatus.WAITING)
    if not rows:
        raise NotFoundError(
            f"{run_id}: step {step!r} does not wait for an approval:"
            f" `orchestrate workflows why {run_id}` says what it waits for"
        )
    return rows


def shown(session: Session, run_id: str, step: str) -> str:
    """The fingerprint of the branches that wait now: for programs that approve unseen.

    Raises:
        NotFoundError: No branch waits there.
    """
    return fingerprint(session, runs.get(session, run_id), waiting(session, run_id, step))


def fingerprint(session: Session, run: RunRow, rows: Sequence[StepRow]) -> str:
    """What an approval of these branches allows, and from which configuration, in 64 hex digits."""
    names = sorted({name for row in rows for name in run.plan.step[row.step].configures})
    known = [configuration.current(session, name) for name in names]
    allowed = [
        [run.command, run.parameters, run.generation],
        [[*row.key, row.item] for row in rows],
        [each and each.version for each in known],
    ]
    if epoch := life(session):
        allowed.append([epoch])
    return hashlib.sha256(json.dumps(allowed).encode()).hexdigest()
