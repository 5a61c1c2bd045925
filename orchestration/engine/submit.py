"""How a command becomes a run: validated, deduplicated by its key, and started in a free slot."""

import json
import traceback
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from orchestration.context import storable_json
from orchestration.definitions import App, Workflow
from orchestration.engine import emergency
from orchestration.engine.by import By
from orchestration.engine.command_digest import as_given, digest_of, in_order
from orchestration.engine.strays import ignored, unknown, unread
from orchestration.engine.transaction import Transaction
from orchestration.errors import (
    Fault,
    OverloadedError,
    RejectedError,
    UnknownCommandError,
)
from orchestration.plans import Plan
from orchestration.store import commands, events, runs, slot_queue, traces
from orchestration.store.commands import Seen
from orchestration.store.runs import DIGITS
from orchestration.traces import Trace, tracer

RETRY_AFTER_S = 30.0
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A validated request for a run.

    Attributes:
        run_id: The id of the run, unless another run has it: then the next free one.
        parameters: JSON text, with every default filled in.
        given: A digest of the parameters as the caller gave them; None: not JSON.
        key: By which a repeated command is recognised; None: it never is.
        needs_slot: Whether it waits for one of the MAX_CONCURRENT_WORKFLOWS slots.
        requester: The agent that is told about the run on the bus; None: nobody.
        system: Whether it goes on during an emergency stop.
        stops: Whether it is an emergency stop, which holds as soon as the command is accepted.
        forked_from: The run whose results it takes over; None: it does everything itself.
        trace: Its place in a trace; None: tracing is off.
        causers: Who else than its sender is known to have caused it.
        strays: Names that its model ignores: the command is refused, unless it was accepted before.
    """

    run_id: str
    plan: Plan
    parameters: str
    sender: str
    given: str | None = None
    key: str | None = None
    correlation_id: str | None = None
    priority: int = 2
    needs_slot: bool = True
    requester: str | None = None
    system: bool = False
    stops: bool = False
    forked_from: str | None = None
    trace: Trace | None = None
    causers: tuple[str, ...] = ()
    strays: tuple[Fault, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of the command and its parameters, defaults included."""
        return digest_of(self.plan.name, self.parameters)

    def is_that(self, seen: Seen) -> bool:
        """Whether an accepted command was the same: as it was given, or with its defaults.

        Both, as defaults need not be constant: one may be the time of day or new in a release.
        """
        as_given = self.given is not None and self.given == seen.given
        return as_given or self.digest == seen.digest


def prepare(
    app: App,
    name: str,
    parameters: Mapping[str, Any],
    *,
    sender: str,
    run_hex: str,
    named: Collection[str] | None = None,
) -> Command:
    """A command for one of an app's workflows, checked before anything is stored.

    Args:
        app: The fleet.
        name: The workflow.
        parameters: What its model validates.
        sender: Who asks for the run.
        run_hex: At least 12 hex digits, for its id.
        named: The parameters that the caller names now; None: all. The others may come from
            another release, over the bus or from a stored run: the model may ignore these.

    Raises:
        RejectedError: The workflow or its parameters are wrong.
    """
    workflow = workflow_of(app, name)
    checked = {n: v for n, v in parameters.items() if named is None or n in named}
    valid, run_id = validated(workflow, parameters), f"{name}_{run_hex[:DIGITS]}"
    return Command(
        run_id=run_id,
        plan=app.plan(workflow),
        parameters=valid,
        given=as_given(name, parameters),
        sender=sender,
        priority=workflow.priority,
        needs_slot=not workflow.system,
        system=workflow.system,
        stops=workflow.stops,
        trace=tracer().send(name, run_id),
        strays=tuple(unread(workflow, checked)),
    )


def workflow_of(app: App, name: str) -> Workflow:
    """The workflow that a command names.

    Raises:
        UnknownCommandError: There is no such workflow.
    """
    workflow = app.workflow.get(name)
    if workflow is None:
        raise UnknownCommandError(name, list(app.workflow))
    return workflow


def validated(workflow: Workflow, parameters: Mapping[str, Any]) -> str:
    """The parameters as JSON text, with every default filled in.

    Raises:
        RejectedError: They are not what the workflow's model wants.
    """
    try:
        model = workflow.parameters.model_validate(parameters)
        return text_of(in_order(model, model.model_dump(mode="json", by_alias=True)))
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [*ignored(found, workflow, parameters), *(fault(each, workflow) for each in found)]
        told = "; ".join(map(str, faults))
        raise RejectedError(f"{workflow.name}: {told}", faults=faults) from None
    except Exception as error:  # noqa: BLE001 - outermost frame of somebody's model
        problem = traceback.format_exception_only(error)[-1].strip()
        raise RejectedError(f"{workflow.name}: its parameters are of no use: {problem}") from None


def text_of(values: Any) -> str:
    """Values as JSON text.

    Raises:
        ValueError: A number is not finite, or a text has half a character, which UTF-8 cannot say.
    """
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    if text != storable_json(text):
        raise ValueError("a text has half a character (a surrogate alone), which nobody can write")
    return text


def refuse(name: str, faults: Sequence[Fault]) -> None:
    """Refuse a command that has faults.

    Raises:
        RejectedError: There are faults.
    """
    if faults:
        raise RejectedError(f"{name}: {'; '.join(map(str, faults))}", faults=faults)


def fault(problem: Mapping[str, Any], workflow: Workflow) -> Fault:
    """One thing that pydantic found wrong with a workflow's parameters."""
    if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
        return unknown(problem["loc"][0], workflow)
    given = repr(problem["input"])
    shown = given if len(given) <= 60 else given[:57] + "..."  # noqa: PLR2004 - one line
    return Fault(problem["loc"], problem["msg"].removeprefix("Value error, "), shown)


def submit(tx: Transaction, command: Command) -> str:
    """Write a pending run and return its id; a command seen before gets the run it got then.

    Raises:
        DuplicateCommandError: The key was used for another command.
        RejectedError: The workflow's model ignores a parameter that was given.
        StoppedError: An emergency stop holds.
        OverloadedError: The sender has too many pending runs.
    """
    if (known := run_of(tx, command)) is not None:
        return known
    refuse(command.plan.name, command.strays)
    if not command.system:
        emergency.check(tx, f"{command.plan.name} cannot be started")
        check_room(tx, command.sender)
    run_id = write(tx, command)
    events.add(tx.session, run_id, tx.now, "run.pending")
    if command.stops:
        reason = json.loads(command.parameters).get("reason") or run_id
        emergency.stop(tx, By(command.sender, str(reason)))
    tx.slot_freed = True
    return run_id


def run_of(tx: Transaction, command: Command) -> str | None:
    """The run that a command got when it was seen before; None: it is new.

    Raises:
        DuplicateCommandError: The key was used for another command.
    """
    if command.key is None:
        return None
    seen = commands.find(tx.session, command.sender, command.key)
    if seen is not None and not command.is_that(seen):
        raise commands.duplicate(command.sender, command.key)
    return None if seen is None else seen.run_id


def write(tx: Transaction, command: Command) -> str:
    """Write the run of a command, its trace, and what makes the command known again.

    Returns:
        The run's id: that of the command, or the next free one.
    """
    new = runs.NewRun(
        id=command.run_id,
        plan=command.plan,
        parameters=command.parameters,
        sender=command.sender,
        correlation_id=command.correlation_id,
        priority=command.priority,
        needs_slot=command.needs_slot,
        system=command.system,
        requester=command.requester,
        forked_from=command.forked_from,
        causers=command.causers,
    )
    while not runs.insert(tx.session, new, tx.now):
        new = replace(new, id=following(new.id))
    if command.trace is not None:
        traces.put(tx.session, new.id, command.trace)
    if command.key is not None:
        seen = Seen(command.digest, new.id, command.given)
        commands.remember(tx.session, command.sender, command.key, seen, tx.now)
    return new.id


def following(run_id: str) -> str:
    """The id whose number is one more."""
    name, _, digits = run_id.rpartition("_")
    return f"{name}_{(int(digits, 16) + 1) % 16**DIGITS:0{DIGITS}x}"


def check_room(tx: Transaction, sender: str) -> None:
    """Check that a sender may have one more pending run.

    Raises:
        OverloadedError: It has too many.
    """
    if tx.allowance.spend(sender, tx.now):
        return
    pending = slot_queue.pending_of(tx.session, sender)
    if pending >= tx.rules.most_pending:
        raise OverloadedError(sender, pending, RETRY_AFTER_S)
    tx.allowance.grant(sender, tx.rules.most_pending - pending, tx.now)
