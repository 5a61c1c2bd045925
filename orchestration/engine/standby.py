"""Agents that rest, by the will of people and runs: each takes back what it wanted itself."""

from collections.abc import Sequence

from orchestration.engine import circuits
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError
from orchestration.store import agents, audit, events, pauses


def pause(tx: Transaction, names: Sequence[str], by: By) -> None:
    """Send nothing to these agents, and let nothing be claimed that is sent; what runs may finish.

    What was sent goes back into line: its message finds nothing to claim. A step still fails when
    its `start_within` is over.

    Raises:
        NotFoundError: One of them is unknown; then none is paused.
    """
    check(tx, names)
    for name in names:
        pauses.add(tx.session, name, by.actor, tx.now)
        record(tx, name, by, "pause")
        circuits.recall(tx, name)


def resume(tx: Transaction, names: Sequence[str], by: By) -> dict[str, list[str]]:
    """Send what waits for these agents, whoever paused them, also where they only failed of late.

    Only a person may want that: a run has `withdraw`.

    Returns:
        By agent, whose pauses ended with it.

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
    """End the pauses that somebody made himself; those of others and open circuits stay."""
    for name in names:
        if pauses.remove(tx.session, name, by.actor):
            record(tx, name, by, "resume")
    tx.queues.update(names)


def end_with_runs(tx: Transaction) -> None:
    """End the pauses of runs that have ended."""
    for name, run_id in pauses.of_ended_runs(tx.session):
        withdraw(tx, [name], By(run_id, "it has ended"))


def check(tx: Transaction, names: Sequence[str]) -> None:
    """Refuse names that nobody has.

    Raises:
        NotFoundError: There is one.
    """
    known = [agent.name for agent in agents.everyone(tx.session)]
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"no agent {name!r} was ever seen; known agents: {', '.join(known) or 'none'}"
            )


def record(tx: Transaction, name: str, by: By, verb: str) -> None:
    """Keep who wanted what."""
    events.add(tx.session, "", tx.now, f"agent.{verb}d", detail=name)
    audit.add(tx.session, tx.now, str(by), f"{verb}_agent", name)
