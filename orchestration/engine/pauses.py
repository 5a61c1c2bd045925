"""Agents paused by people and by runs; a run can end only its own pauses."""

from collections.abc import Sequence

from orchestration.engine import circuits
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError
from orchestration.store import agents, audit, events, pauses


def pause(tx: Transaction, names: Sequence[str], by: By) -> None:
    """Send nothing to these agents, and let none of their branches be claimed; running ones finish.

    A branch that was sent is ready again: its message claims nothing. A step still fails when its
    `start_within` is over.

    Raises:
        NotFoundError: One of them is unknown; then none is paused.
    """
    check(tx, names)
    for name in names:
        pauses.add(tx.session, name, by.actor, tx.now)
        record(tx, name, by, "pause")
        circuits.recall(tx, name)


def resume(tx: Transaction, names: Sequence[str], by: By) -> dict[str, list[str]]:
    """End all pauses of these agents, and close their circuits, and send what waits for them.

    This is for people; runs use `withdraw`.

    Returns:
        By agent, the owners of the pauses that ended.

    Raises:
        NotFoundError: One of them is unknown; then none is resumed.
    """
    check(tx, names)
    owners = pauses.owners(tx.session)
    for name in names:
        for owner in owners.get(name, []):
            pauses.remove(tx.session, name, owner)
        record(tx, name, by, "resume")
        circuits.close(tx, name)
    tx.queues.update(names)
    return {name: owners.get(name, []) for name in names}


def withdraw(tx: Transaction, names: Sequence[str], by: By) -> None:
    """End the actor's own pauses; pauses of others and open circuits stay."""
    for name in names:
        if pauses.remove(tx.session, name, by.actor):
            record(tx, name, by, "resume")
    tx.queues.update(names)


def end_with_runs(tx: Transaction) -> None:
    """End the pauses of runs that have ended."""
    for name, run_id in pauses.of_ended_runs(tx.session):
        withdraw(tx, [name], By(run_id, "it has ended"))


def check(tx: Transaction, names: Sequence[str]) -> None:
    """Refuse names of unknown agents.

    Raises:
        NotFoundError: A name is unknown.
    """
    known = [agent.name for agent in agents.everyone(tx.session)]
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"no agent {name!r} was ever seen; known agents: {', '.join(known) or 'none'}"
            )


def record(tx: Transaction, name: str, by: By, verb: str) -> None:
    """Record an event, and the actor in the audit log."""
    events.add(tx.session, "", tx.now, f"agent.{verb}d", detail=name)
    audit.add(tx.session, tx.now, str(by), f"{verb}_agent", name)
