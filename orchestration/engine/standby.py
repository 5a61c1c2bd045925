"""What people may do to agents: let them rest, and let them work again."""

from collections.abc import Sequence

from orchestration.engine import circuits
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError
from orchestration.store import agents, audit, events


def pause(tx: Transaction, names: Sequence[str], by: By) -> None:
    """Send nothing to these agents, and let nothing be claimed that is sent; what runs may finish.

    What was sent goes back into line: its message finds nothing to claim. A step still fails when
    its `start_within` is over.

    Raises:
        NotFoundError: One of them is unknown; then none is paused.
    """
    change(tx, names, by, "pause", paused=True)
    for name in names:
        circuits.recall(tx, name)


def resume(tx: Transaction, names: Sequence[str], by: By) -> None:
    """Send what waits for these agents, also where they only failed of late.

    Raises:
        NotFoundError: One of them is unknown; then none is resumed.
    """
    change(tx, names, by, "resume", paused=False)
    for name in names:
        circuits.close(tx, name)
    tx.queues.update(names)


def change(tx: Transaction, names: Sequence[str], by: By, verb: str, *, paused: bool) -> None:
    """Write who rests, and who wants it so.

    Raises:
        NotFoundError: One of them is unknown.
    """
    known = [agent.name for agent in agents.everyone(tx.session)]
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"no agent {name!r} was ever seen; known agents: {', '.join(known) or 'none'}"
            )
        agents.pause(tx.session, name, paused=paused)
        events.add(tx.session, "", tx.now, f"agent.{verb}d", detail=name)
        audit.add(tx.session, tx.now, str(by), f"{verb}_agent", name)
