"""Agents that are not ours: they hold an attempt from the moment its command is written.

They have no lease. An attempt of theirs ends by an answer, by a deadline, or by silence: no
heartbeat and no progress for too long. It is tried again only where the step says that trying
twice does no harm.
"""

import json
import re
from typing import Any

from orchestration.decide import facts
from orchestration.engine import speech
from orchestration.engine.advance import Outcome, advance, measure
from orchestration.engine.transaction import Transaction
from orchestration.errors import DeadLetterError
from orchestration.messages import Envelope
from orchestration.plans import UNDO
from orchestration.state import StepStatus
from orchestration.store import agents, artifacts, runs, steps
from orchestration.store.steps import StepRow

OWNER = "outside:"
COMMAND_ID = re.compile(r"(?P<run>[^:]+):(?P<step>[^:\[]+)(\[(?P<branch>\d+)\])?:(?P<attempt>\d+)")


def send(tx: Transaction, row: StepRow) -> None:
    """Give an attempt to an agent that is not ours, with the command that tells it so."""
    plan = runs.get(tx.session, row.run_id).plan
    target = plan.step[row.step.removeprefix(UNDO)]
    deadline = tx.now + target.timeout
    silent_at = min(deadline, tx.now + tx.rules.grace)
    steps.claim(tx.session, row, OWNER + row.agent, tx.now, silent_at, deadline)
    speech.command(tx, row, row.attempt + 1, deadline)


def is_outside(row: StepRow) -> bool:
    """Whether an agent that is not ours holds the branch."""
    return row.owner is not None and row.owner.startswith(OWNER)


def look_again(tx: Transaction, row: StepRow) -> bool:
    """Put off the end of a silent attempt while its agent beats; False if it must end now."""
    if not is_outside(row):
        return False
    deadline = steps.deadline(tx.session, row)
    beat = agents.last_heartbeat(tx.session, row.agent)
    if deadline is None or tx.now >= deadline or beat is None or row.claimed_at is None:
        return False
    silent_at = min(deadline, beat + tx.rules.silence)
    if beat < row.claimed_at or silent_at <= tx.now:
        return False
    steps.report(tx.session, row, row.fraction, row.message, silent_at)
    return True


def answer(tx: Transaction, envelope: Envelope) -> None:
    """End the attempt that a response is about; a late or repeated one changes nothing.

    Raises:
        DeadLetterError: It fits no attempt of its sender.
    """
    payload = envelope.payload
    row = find(tx, envelope, payload.get("command_id"))
    if row is None:
        return
    agents.beat(tx.session, envelope.sender, "running", {}, tx.now)
    if payload.get("status") == "completed":
        complete(tx, row, payload.get("result"))
    elif payload.get("status") == "failed":
        error = payload.get("error") or payload.get("error_message") or "the agent gave no reason"
        fail(tx, row, "AgentError", str(error))
    else:
        raise DeadLetterError("wrong_field", "payload.status: say 'completed' or 'failed'")


def report(tx: Transaction, envelope: Envelope) -> None:
    """Write live progress of a step, or how an agent is."""
    payload = envelope.payload
    status, metrics = (
        str(payload.get("health_status", "running")),
        payload.get("metrics"),
    )
    found = metrics if isinstance(metrics, dict) else {}
    agents.beat(tx.session, envelope.sender, status[:50], found, tx.now)
    run_id, step = payload.get("workflow_id"), payload.get("step")
    fraction = payload.get("progress")
    for row in steps.owned_by(tx.session, OWNER + envelope.sender, None):
        if (row.run_id, row.step) == (run_id, step) and isinstance(fraction, int | float):
            message = str(payload.get("message", ""))[:500]
            target = runs.get(tx.session, row.run_id).plan.step[row.step.removeprefix(UNDO)]
            deadline = steps.deadline(tx.session, row) or tx.now
            silent_at = tx.now + (target.progress_timeout or tx.rules.silence)
            share = min(max(float(fraction), 0.0), 1.0)
            steps.report(tx.session, row, share, message, min(silent_at, deadline))
            measure(tx, runs.load(tx.session, row.run_id))


def complain(tx: Transaction, envelope: Envelope) -> None:
    """Count an error of an agent; a critical one fails what it is about."""
    payload = envelope.payload
    kind = str(payload.get("error_type", "error"))
    message = str(payload.get("error_message", "no message"))
    agents.count_error(tx.session, envelope.sender, json.dumps(as_error(kind, message)))
    if payload.get("critical") is not True:
        return
    mine = steps.owned_by(tx.session, OWNER + envelope.sender, None)
    run_id = payload.get("workflow_id")
    if run_id is None:
        if len(mine) == 1:
            fail(tx, mine[0], kind, message, retryable=False)
    elif any(row.run_id == run_id for row in mine) or requested(tx, run_id, envelope.sender):
        runs.set_reason(tx.session, run_id, f"critical error of {envelope.sender}: {message}")
        advance(tx, run_id, facts.Condemned())


def requested(tx: Transaction, run_id: Any, sender: str) -> bool:
    """Whether somebody is who wanted a run."""
    return isinstance(run_id, str) and runs.requester(tx.session, run_id) == sender


def find(tx: Transaction, envelope: Envelope, command_id: Any) -> StepRow | None:
    """The branch whose running attempt a response ends; None if that has ended before.

    Raises:
        DeadLetterError: It fits no attempt of its sender.
    """
    named = command_id if isinstance(command_id, str) else envelope.correlation_id
    mine = steps.owned_by(tx.session, OWNER + envelope.sender, None)
    if named is None:
        command = envelope.payload.get("command")
        fitting = [row for row in mine if row.offer.startswith(f"{row.agent}.{command}@")]
        if len(fitting) != 1:
            raise DeadLetterError(
                "unmatched_response",
                f"{len(fitting)} open steps of {envelope.sender} fit: answer with the command's id"
                " as correlation_id",
            )
        return fitting[0]
    match = COMMAND_ID.fullmatch(named)
    row = match and steps.get(tx.session, match["run"], match["step"], int(match["branch"] or 0))
    if not row or row.agent != envelope.sender or match is None:
        raise DeadLetterError("unmatched_response", f"no step was ever sent as {named!r}")
    current = row.status is StepStatus.RUNNING and row.attempt == int(match["attempt"])
    return row if current and is_outside(row) else None


def complete(tx: Transaction, row: StepRow, result: Any) -> None:
    """Write the result of an attempt, and go on with its run."""
    text = json.dumps(result, sort_keys=True, separators=(",", ":"))
    name = None
    if len(text) > artifacts.LARGEST_IN_ROW:
        name = artifacts.digest(text.encode())
        for number, chunk in artifacts.chunks(text.encode()):
            artifacts.put(tx.session, row.run_id, name, number, chunk)
    outcome = Outcome(kind="completed", row=row, result=None if name else text, artifact=name)
    advance(tx, row.run_id, facts.Completed(row.step, row.branch), outcome)


def fail(tx: Transaction, row: StepRow, kind: str, message: str, *, retryable: bool = True) -> None:
    """Write that an attempt failed, and retry or fail."""
    error = json.dumps(as_error(kind, message))
    fact = facts.Failed(row.step, row.branch, row.failures + 1, retryable)
    advance(tx, row.run_id, fact, Outcome(kind="failed", row=row, error=error))


def as_error(kind: str, message: str) -> dict[str, str | None]:
    """An error as it is kept."""
    return {"type": kind, "message": message, "traceback": None}
