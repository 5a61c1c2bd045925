"""Messages of the orchestrator: rows of the outbox, written in the caller's transaction."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from orchestration.engine.transaction import Transaction
from orchestration.errors import OrchestrationError, OverloadedError
from orchestration.messages import (
    LARGEST_BODY,
    STOP_KEY,
    Envelope,
    MessagePriority,
    MessageType,
    compose,
    plain,
    routing_key,
)
from orchestration.plans import UNDO, Plan
from orchestration.store import artifacts, configuration, control, outbox, runs
from orchestration.store.steps import StepRow

CANCEL = ":cancel"
LONGEST_MESSAGE = 1_000
LARGEST_RESULTS = LARGEST_BODY // 2
LARGEST_CONFIGURATION = LARGEST_BODY // 8
LARGEST_ASKED = LARGEST_BODY - LARGEST_CONFIGURATION - 2**14  # parameters, item and results


def acknowledge(
    tx: Transaction, run_id: str, command: str, asked: Envelope, status: str = "pending"
) -> None:
    """Tell the sender of a command which run the command has started or answered."""
    payload = {
        "command_received": True,
        "workflow_id": run_id,
        "command_type": command,
        "status": status,
        "original_message_id": asked.id,
    }
    to, topic = asked.answer_to, f"{outbox.ACKNOWLEDGEMENT}:{run_id}:{asked.sender}:{asked.id}"
    say(tx, MessageType.RESPONSE, to, payload, topic, correlation_id=asked.id, run_id=run_id)


def reject(tx: Transaction, to: str, message_id: str | None, error: OrchestrationError) -> None:
    """Tell a sender why its message was refused."""
    payload: dict[str, Any] = {
        "error_type": kind_of(error),
        "error_message": plain(tx.rules.mask(str(error)), LONGEST_MESSAGE),
        "original_message_id": message_id,
    }
    if isinstance(error, OverloadedError):
        payload["retry_after"] = error.retry_after
    topic = f"error:{to}:{message_id}:{tx.now.timestamp()!r}"
    say(tx, MessageType.ERROR, to, payload, topic, correlation_id=message_id)


def kind_of(error: OrchestrationError) -> str:
    """Why a message was refused, in one word."""
    if isinstance(error, OverloadedError):
        return "overloaded"
    return str(getattr(error, "reason", "command_rejected"))


def pass_on(tx: Transaction, topic: str, to: str, payload: dict[str, Any]) -> None:
    """Send data that came from one agent to another."""
    say(tx, MessageType.DATA, to, payload, topic)


def command(tx: Transaction, row: StepRow, attempt: int, deadline: datetime) -> None:
    """Send a step to an outside agent."""
    run = runs.get(tx.session, row.run_id)
    command_id = command_id_of(tx, row, attempt)
    target = run.plan.step[row.step.removeprefix(UNDO)]
    taken = len(run.parameters) + len(row.item or "")
    results, left_out = results_for(tx, run.plan, row, min(LARGEST_RESULTS, LARGEST_ASKED - taken))
    payload = {
        "command_id": command_id,
        "command": row.offer.removeprefix(f"{row.agent}.").rpartition("@")[0],
        "parameters": json.loads(run.parameters),
        "item": None if row.item is None else json.loads(row.item),
        "results": results,
        "results_left_out": left_out,
        **configuration_for(tx, target.configures),
        "workflow_id": row.run_id,
        "step": row.step,
        "attempt": attempt,
        "idempotency_key": f"{row.run_id}:{place_of(tx, row)}",
        "deadline": deadline.isoformat(timespec="milliseconds"),
    }
    say(tx, MessageType.COMMAND, row.agent, payload, command_id, run_id=row.run_id)


def take_back(tx: Transaction, row: StepRow) -> None:
    """Withdraw the command of an attempt, if RabbitMQ has not taken it yet."""
    outbox.withdraw(tx.session, command_id_of(tx, row, row.attempt))


def results_for(
    tx: Transaction, plan: Plan, row: StepRow, room: int
) -> tuple[dict[str, Any], list[str]]:
    """The results that a step may need, and the names of results too large for the message."""
    found: dict[str, Any] = {}
    left_out = []
    for name in plan.known_to(row.step):
        values = artifacts.result(tx.session, row.run_id, name)
        value = values if plan.step[name].fans_out else next(iter(values), None)
        room -= (size := len(json.dumps(value)))
        if room < 0:
            left_out.append(name)
            room += size
        else:
            found[name] = value
    return found, left_out


def configuration_for(tx: Transaction, may_set: Iterable[str]) -> dict[str, Any]:
    """The fleet's configuration for a command: values, versions, and names of what is too large."""
    values: dict[str, Any] = dict.fromkeys(may_set)
    versions, left_out, room = {}, [], LARGEST_CONFIGURATION
    for each in configuration.everything(tx.session):
        versions[each.name] = {"version": each.version, "set_by": each.run_id}
        room -= (size := len(json.dumps(each.value)))
        if room < 0:
            left_out.append(each.name)
            values.pop(each.name, None)
            room += size
        else:
            values[each.name] = each.value
    return {
        "configuration": values,
        "configuration_versions": versions,
        "configuration_left_out": left_out,
    }


def cancel(tx: Transaction, row: StepRow) -> None:
    """Tell an outside agent that its attempt is cancelled."""
    command_id = command_id_of(tx, row, row.attempt)
    payload = {
        "command_id": command_id + CANCEL,
        "command": "cancel",
        "parameters": {"command_id": command_id, "workflow_id": row.run_id, "step": row.step},
        "workflow_id": row.run_id,
    }
    say(tx, MessageType.COMMAND, row.agent, payload, command_id + CANCEL, run_id=row.run_id)


def stop(tx: Transaction, agent: str, epoch: int, reason: str) -> None:
    """Tell an outside agent to stop everything; goes before all other messages."""
    command_id = f"stop:{control.own_id(tx.session)}:{epoch}:{agent}"
    payload = {
        "command_id": command_id,
        "command": "emergency_stop",
        "parameters": {"reason": reason},
        "answer_on": STOP_KEY,
    }
    say(tx, MessageType.COMMAND, agent, payload, command_id, urgent=True)


def command_id_of(tx: Transaction, row: StepRow, attempt: int) -> str:
    """The id of the command that sends an attempt to an outside agent."""
    return f"{row.run_id}:{place_of(tx, row)}:{attempt}"


def place_of(tx: Transaction, row: StepRow) -> str:
    """A step, with its branch if the step fans out."""
    plan = runs.get(tx.session, row.run_id).plan
    fans_out = plan.step[row.step.removeprefix(UNDO)].fans_out
    return f"{row.step}[{row.branch}]" if fans_out else row.step


def say(  # noqa: PLR0913 - an envelope has that many parts
    tx: Transaction,
    kind: MessageType,
    to: str,
    payload: dict[str, Any],
    topic: str,
    *,
    correlation_id: str | None = None,
    run_id: str | None = None,
    urgent: bool = False,
) -> None:
    """Write one message to the outbox; its topic is its id."""
    body = compose(
        topic,
        kind,
        to,
        payload,
        at=tx.now,
        correlation_id=correlation_id,
        priority=MessagePriority.CRITICAL if urgent else MessagePriority.HIGH,
    )
    key = routing_key(kind, to)
    outbox.say(tx.session, topic, key, body, tx.now, run_id, urgent=urgent)
