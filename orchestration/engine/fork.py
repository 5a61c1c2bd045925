"""Forks: new runs that take over results of an ended run instead of doing everything again.

A fork takes over results, not effects. What the old run did stays the old run's: a fork that fails
or is cancelled undoes only its own steps, and it never takes over a step that the old run undid.
So nothing is undone twice, and the failure of a fork undoes no effect of a completed run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestration.decide.reuse import Reuse, reuse
from orchestration.definitions import App
from orchestration.engine.by import By
from orchestration.engine.submit import Command, prepare, refuse, run_of, submit
from orchestration.engine.transaction import Transaction
from orchestration.errors import RejectedError, StateError
from orchestration.ports import Session
from orchestration.state import Run
from orchestration.store import audit, events, forks, runs


@dataclass(frozen=True, slots=True)
class Edits:
    """How a fork is to differ from its run.

    Attributes:
        parameters: New values, by name; all others stay as they were.
        again: Steps that are to run again, and with them every step after them.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A fork that can be made: checked, so that it can be shown first.

    Attributes:
        old: The ended run.
        generation: The generation of the ended run that the proposal is for.
        command: What the new run begins with.
        edited: Names of the parameters that differ from the ended run's.
        reuse: What becomes of each step.
    """

    old: str
    generation: int
    command: Command
    edited: tuple[str, ...]
    reuse: Reuse


def propose(
    session: Session, app: App, run_id: str, edits: Edits, *, sender: str, run_hex: str
) -> Proposal:
    """A fork of an ended run, of its workflow as it is declared today.

    Args:
        session: Any session.
        app: The fleet.
        run_id: The run.
        edits: What is to differ.
        sender: Who asks for the fork.
        run_hex: At least 12 hex digits, for its id.

    Raises:
        NotFoundError: There is no such run.
        StateError: The run has not ended, it was an emergency stop, or no step would run again.
        RejectedError: The parameters or a step's name are wrong.
    """
    old, row = ended(session, run_id), runs.get(session, run_id)
    before = json.loads(row.parameters)
    given = {**before, **edits.parameters}
    command = prepare(
        app, row.command, given, sender=sender, run_hex=run_hex, named=edits.parameters
    )
    refuse(row.command, command.strays)
    check(run_id, command, edits.again)
    edited = differing(before, json.loads(command.parameters))
    found = reuse(old, command.plan, edits.again, edited)
    if not found.again:
        raise StateError(
            f"{run_id} is {old.status}, and nothing in it would run again:"
            f" name the first step that shall, of {', '.join(found.reused)}"
        )
    return Proposal(
        old=run_id,
        generation=old.generation,
        command=replace(command, priority=row.priority, forked_from=run_id),
        edited=edited,
        reuse=found,
    )


def keyed(proposal: Proposal, key: str) -> Proposal:
    """The same fork with a key, under which a sender never makes it twice."""
    key = " ".join([key, proposal.old, *proposal.reuse.again])
    return replace(proposal, command=replace(proposal.command, key=key))


def ended(session: Session, run_id: str) -> Run:
    """A run that can be forked.

    Raises:
        NotFoundError: There is no such run.
        StateError: The run has not ended.
    """
    run = runs.load(session, run_id)
    if not run.status.ended:
        raise StateError(
            f"{run_id} is {run.status}: only a run that has ended is forked;"
            f" `orchestrate workflows cancel {run_id}` ends it"
        )
    return run


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the parameters whose values differ or are new."""
    return tuple(sorted(n for n in after if n not in before or before[n] != after[n]))


def check(run_id: str, command: Command, again: tuple[str, ...]) -> None:
    """Refuse to fork an emergency stop, and names that are no steps of the workflow.

    Raises:
        StateError: The run was an emergency stop.
        RejectedError: There is no such step.
    """
    if command.stops:
        stop = command.plan.name
        raise StateError(f"{run_id} was an emergency stop: `orchestrate run {stop}` for one")
    for name in again:
        if name not in command.plan.step:
            known = ", ".join(command.plan.step)
            raise RejectedError(f"{run_id} has no step {name!r}; its steps: {known}")


def fork(tx: Transaction, proposal: Proposal, by: By) -> str:
    """Make a proposed fork and return its id, or the id of the fork that its key made before.

    Raises:
        DuplicateCommandError: The key was used for another command.
        NotFoundError: The old run is gone.
        StateError: The old run was retried since the proposal.
        OverloadedError: The sender has too many pending runs.
    """
    if (known := run_of(tx, proposal.command)) is not None:
        return known
    old = runs.load(tx.session, proposal.old)
    if not old.status.ended or old.generation != proposal.generation:
        raise StateError(f"{proposal.old} was retried since it was looked at: look again")
    new = submit(tx, proposal.command)
    forks.take_over(tx.session, proposal.old, new, proposal.reuse.reused)
    tallies = {name: old.tallies[name] for name in proposal.reuse.reused}
    runs.recount(tx.session, runs.load(tx.session, new)._replace(tallies=tallies))
    for name in proposal.reuse.reused:
        events.add(tx.session, new, tx.now, "step.reused", (name, 0), proposal.old)
    events.add(tx.session, proposal.old, tx.now, "run.forked", detail=new)
    audit.add(tx.session, tx.now, str(by), "fork", f"{proposal.old} → {new}")
    return new
