"""Outside agents: they hold an attempt from the moment its command is written.

They have no lease. An attempt of theirs ends by an answer, by a deadline, or by silence: no
heartbeat and no progress for too long, though somebody listened. It is tried again only where the
step says that trying twice does no harm.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from orchestration.decide import facts
from orchestration.engine import emergency, pace, results, speech, yields
from orchestration.engine.advance import Outcome, advance, error_json, measure
from orchestration.engine.transaction import Transaction
from orchestration.engine.yields import Value, Yield
from orchestration.errors import ConfiguredMeanwhileError, DeadLetterError, PermanentError
from orchestration.messages import Envelope, plain, with_texts
from orchestration.plans import UNDO
from orchestration.state import StepStatus
from orchestration.store import agents, artifacts, attempts, control, runs, steps
from orchestration.store.steps import Held, StepRow
from orchestration.text import printable

COMMAND_ID = re.compile(
    r"(?P<run>[^:\0]+):(?P<step>[^:\[\0]+)(\[(?P<branch>\d{1,6})\])?:(?P<attempt>\d{1,9})(:cancel)?"
)
LONGEST_MESSAGE = 500
LONGEST_STATUS = 50
LISTEN_EVERY, LAPSE = timedelta(seconds=5), timedelta(seconds=15)


def send(tx: Transaction, row: StepRow) -> None:
    """Claim an attempt for an outside agent, and write the command that tells it so."""
    run = runs.load(tx.session, row.run_id)
    target = run.plan.step[row.step.removeprefix(UNDO)]
    deadline = tx.now + target.timeout
    holder = steps.OUTSIDE + row.agent
    claimed = row._replace(
        owner=holder,
        worker=holder,
        attempt=row.attempt + 1,
        claimed_at=tx.now,
        due_at=deadline,
        deadline=deadline,
    )
    steps.claim(tx.session, claimed)
    pace.begin(tx, row.agent)
    runs.recount(tx.session, run.moved(row.step, StepStatus.READY, StepStatus.RUNNING))
    speech.command(tx, row, row.attempt + 1, deadline)


def sent(tx: Transaction, command_id: str) -> None:
    """Let the time begin in which an agent must show that it has a command: RabbitMQ took it."""
    match = COMMAND_ID.fullmatch(command_id)
    if match is None or command_id.endswith(speech.CANCEL):
        return
    key = match["run"], match["step"], int(match["branch"] or 0)
    steps.await_sign(tx.session, key, int(match["attempt"]), tx.now + tx.rules.grace)


def look_again(tx: Transaction, row: StepRow) -> bool:
    """Put off the end of an attempt while its agent beats or cannot be heard; False: it ends.

    A command that RabbitMQ has not taken by its deadline does not leave any more.
    """
    if not row.is_outside:
        return False
    if row.deadline is not None and row.deadline <= tx.now:
        speech.take_back(tx, row)
    if (heard_from := hears_from(tx, row.claimed_at)) > tx.now:
        steps.set_timer(tx.session, row, heard_from)
        return True
    deadline = steps.deadline(tx.session, row)
    beat = agents.last_heartbeat(tx.session, row.agent)
    if deadline is None or tx.now >= deadline or beat is None or row.claimed_at is None:
        return False
    silent_at = min(deadline, beat + tx.rules.silence)
    if beat < row.claimed_at or silent_at <= tx.now:
        return False
    steps.report(tx.session, row, row.fraction, row.message, silent_at)
    return True


def silent_since(tx: Transaction, row: StepRow) -> datetime | None:
    """When an agent whose silence ends an attempt was heard last; None: its deadline ends it."""
    if not row.is_outside or row.deadline is None or row.deadline <= tx.now:
        return None
    return agents.last_heartbeat(tx.session, row.agent) or row.claimed_at


def listen(tx: Transaction, span: timedelta) -> None:
    """Write that what agents say is heard, and has been for some time.

    Said again every `LISTEN_EVERY`, it holds on; after `LAPSE` without a word it begins anew. While
    no agent is awaited nobody says it, so that the listener has to know its own time. Of several
    listeners, the one that has listened for longest counts.
    """
    control.listen(tx.session, tx.now, tx.now - LAPSE, tx.now - span)


def hears_from(tx: Transaction, awaited: datetime | None = None) -> datetime:
    """From when on the silence of an agent counts: by then it had `grace` in which to be heard.

    What it said while nobody listened may wait in a queue; while RabbitMQ was away it could say
    nothing. Where there is no RabbitMQ at all, nobody will ever listen; where nobody ever said so,
    a release may listen that cannot say it. Where nobody says so any more, the next look comes
    soon if the agent is awaited only since a moment ago: somebody may say then that it listened all
    along. After that nobody does, and whoever begins to gives `grace` anyway.
    """
    listened = control.listened(tx.session)
    if listened is None or control.transport(tx.session) == control.EMBEDDED:
        return tx.now
    since, at = listened
    if at >= tx.now - LAPSE:
        return since + tx.rules.grace
    is_new = awaited is not None and awaited >= tx.now - LAPSE
    return tx.now + (LISTEN_EVERY if is_new else tx.rules.grace)


def answer(tx: Transaction, envelope: Envelope) -> None:
    """End the attempt that a response is about; a late or repeated response changes nothing.

    Raises:
        DeadLetterError: The response fits no attempt of its sender.
    """
    payload = envelope.payload
    if emergency.answered(tx, envelope):
        return
    row = find(tx, envelope, payload.get("command_id"))
    agents.beat(tx.session, envelope.sender, None, None, tx.now)
    if row is None:
        return
    if payload.get("status") == "completed":
        if configure(tx, row, payload):
            complete(tx, row, payload.get("result"))
    elif payload.get("status") == "failed":
        error = payload.get("error") or payload.get("error_message") or "the agent gave no reason"
        fail(tx, row, "AgentError", str(error))
    else:
        raise DeadLetterError("wrong_field", "payload.status: say 'completed' or 'failed'")


def report(tx: Transaction, envelope: Envelope) -> None:
    """Write an agent's state of health, and the progress of its attempts."""
    payload = with_texts(envelope.payload, tx.rules.mask)
    health = payload.get("health_status")
    status = None if health is None else plain(health, LONGEST_STATUS)
    metrics = payload.get("metrics")
    found = metrics if isinstance(metrics, dict) else None
    if not tx.admits(envelope.sender):
        return
    agents.beat(tx.session, envelope.sender, status, found, tx.now)
    fraction = payload.get("progress")
    for row in rows_of(tx, told_of(envelope, held_by(tx, envelope.sender))):
        if isinstance(fraction, int | float):
            message = plain(payload.get("message", ""), LONGEST_MESSAGE)
            target = runs.get(tx.session, row.run_id).plan.step[row.step.removeprefix(UNDO)]
            deadline = steps.deadline(tx.session, row) or tx.now
            silent_at = tx.now + (target.progress_timeout or tx.rules.silence)
            share = float(min(max(fraction, 0), 1))
            steps.report(tx.session, row, share, message, min(silent_at, deadline))
            measure(tx, runs.load(tx.session, row.run_id))


def told_of(envelope: Envelope, held: Sequence[Held]) -> list[Held]:
    """The attempts that a progress message is about: all of its step if it names no command."""
    payload = envelope.payload
    place = payload.get("workflow_id"), payload.get("step")
    found = [each for each in held if each[0][:2] == place]
    named = payload.get("command_id") or envelope.correlation_id
    match = COMMAND_ID.fullmatch(named) if isinstance(named, str) else None
    if match is None:
        return found
    exactly = (match["run"], match["step"], int(match["branch"] or 0)), int(match["attempt"])
    return [each for each in found if each == exactly]


def complain(tx: Transaction, envelope: Envelope) -> None:
    """Count an agent's error; a critical one fails the run that it names, or its only attempt."""
    payload = envelope.payload
    kind = plain(payload.get("error_type", "error"), LONGEST_MESSAGE)
    text = tx.rules.mask(str(payload.get("error_message", "no message")))
    message = plain(text, LONGEST_MESSAGE)
    if not tx.admits(envelope.sender):
        return
    agents.count_error(tx.session, envelope.sender, error_json(kind, message))
    if payload.get("critical") is not True:
        return
    mine = held_by(tx, envelope.sender)
    run_id = payload.get("workflow_id")
    if run_id is None:
        if len(mine) == 1:
            (row,) = rows_of(tx, mine)
            fail(tx, row, kind, message, retryable=False)
    elif not isinstance(run_id, str) or "\0" in run_id or not is_open(tx, run_id):
        return
    elif any(key[0] == run_id for key, _ in mine) or requested(tx, run_id, envelope.sender):
        runs.set_reason(tx.session, run_id, f"critical error of {envelope.sender}: {message}")
        advance(tx, run_id, facts.Condemned())


def held_by(tx: Transaction, agent: str) -> list[Held]:
    """The attempts held by an outside agent; their rows are read where they are needed."""
    return steps.held_by(tx.session, steps.OUTSIDE + agent)


def rows_of(tx: Transaction, held: Sequence[Held]) -> list[StepRow]:
    """The branches of some attempts."""
    return [row for key, _ in held if (row := steps.get(tx.session, *key)) is not None]


def is_open(tx: Transaction, run_id: str) -> bool:
    """Whether there is such a run, and it has not ended."""
    known = runs.requester_and_status(tx.session, run_id)
    return known is not None and not known[1].ended


def requested(tx: Transaction, run_id: str, sender: str) -> bool:
    """Whether the sender of a message requested the run."""
    known = runs.requester_and_status(tx.session, run_id)
    return known is not None and sender in known[0]


def find(tx: Transaction, envelope: Envelope, command_id: Any) -> StepRow | None:
    """The branch whose running attempt a response ends; None if the attempt has ended before.

    Raises:
        DeadLetterError: The response fits no attempt of its sender.
    """
    named = command_id if isinstance(command_id, str) else envelope.correlation_id
    if named is None:
        command = envelope.payload.get("command")
        mine = rows_of(tx, held_by(tx, envelope.sender))
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
        raise DeadLetterError("unmatched_response", f"no step was ever sent as {named[:200]!r}")
    attempt = int(match["attempt"])
    if row.status is StepStatus.RUNNING and row.attempt == attempt and row.is_outside:
        return row
    settle(tx, row, attempt)
    return None


def settle(tx: Transaction, row: StepRow, attempt: int) -> None:
    """Write that an attempt whose claim was lost acts no longer: an undo may wait for that."""
    if attempts.settle(tx.session, row.key, attempt, steps.OUTSIDE + row.agent):
        advance(tx, row.run_id, facts.AttemptSettled())


def abandon(tx: Transaction, held: Held) -> None:
    """Stop waiting for an agent that was told to cancel and never answered, unless nobody heard."""
    key, attempt = held
    heard_from = hears_from(tx)
    attempts.set_timer(tx.session, held, heard_from if heard_from > tx.now else None)
    if heard_from <= tx.now and (row := steps.get(tx.session, *key)) is not None:
        settle(tx, row, attempt)


def abandon_cancelled(tx: Transaction, row: StepRow) -> None:
    """The same for an attempt that an older release cancelled: the timer stands in its branch."""
    steps.set_timer(tx.session, row, None)
    settle(tx, row, row.attempt)


def complete(tx: Transaction, row: StepRow, result: Any) -> None:
    """Write the result of an attempt, and go on with its run."""
    text = json.dumps(result, sort_keys=True, separators=(",", ":"))
    kept, name = results.keep(
        text, lambda name, piece: artifacts.put(tx.session, row.run_id, name, *piece)
    )
    outcome = Outcome(kind="completed", row=row, result=kept, artifact=name)
    advance(tx, row.run_id, facts.Completed(row.step, row.branch), outcome)


def configure(tx: Transaction, row: StepRow, payload: Mapping[str, Any]) -> bool:
    """Write the configuration that a response sets; False: its attempt has failed for that.

    Raises:
        DeadLetterError: These are no values by name, or its step may not set them.
    """
    if payload.get("configuration") is None:
        return True
    try:
        yields.write(tx, row, row.attempt, Yield(new_values(payload)))
    except ConfiguredMeanwhileError as error:
        fail(tx, row, type(error).__name__, str(error))
        return False
    except PermanentError as error:
        problem = f"payload.configuration: {error}"
        fail(tx, row, "AgentError", problem, retryable=False)
        raise DeadLetterError("wrong_field", problem) from None
    return True


def new_values(payload: Mapping[str, Any]) -> dict[str, Value]:
    """The configuration that a response sets, by name, with the versions that it replaces.

    Raises:
        PermanentError: The values or the versions are malformed.
    """
    values, over = payload.get("configuration"), payload.get("configuration_over")
    if not isinstance(values, dict):
        raise PermanentError("give values by name")
    over = over if isinstance(over, dict) else {}
    if not all(isinstance(each, int) for each in over.values()):
        raise PermanentError("configuration_over: give numbers of versions by name")
    return {name: Value(value, over.get(name)) for name, value in values.items()}


def fail(tx: Transaction, row: StepRow, kind: str, message: str, *, retryable: bool = True) -> None:
    """Write that an attempt failed, and retry or fail its branch."""
    error = error_json(kind, printable(tx.rules.mask(message)))
    fact = facts.Failed(row.step, row.branch, row.failures + 1, retryable)
    advance(tx, row.run_id, fact, Outcome(kind="failed", row=row, error=error, blames=True))
