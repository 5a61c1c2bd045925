"""Requests to a worker, on any machine: drain it, or have it write its stacks."""

from collections.abc import Callable

from orchestration.engine import Engine, membership
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError
from orchestration.ports import Session
from orchestration.store import audit, workers


def drain(engine: Engine, name: str, by: By) -> str:
    """Let a worker take nothing new, finish what it has, and end; returns its whole id.

    Args:
        engine: An engine over the worker's store.
        name: The worker's id, or a beginning that no other worker's id has.
        by: Who asks, for the audit.

    Raises:
        NotFoundError: There is no such worker, or there are several.
    """
    return ask(engine, name, by, "drain_worker", membership.drain)


def ask_stacks(engine: Engine, name: str, by: By) -> str:
    """Let a worker write the stacks of its threads with its next beat; returns its whole id.

    Raises:
        NotFoundError: There is no such worker, or there are several.
    """
    return ask(engine, name, by, "ask_stacks", lambda tx, id_: workers.ask_stacks(tx.session, id_))


def ask(
    engine: Engine, name: str, by: By, action: str, write: Callable[[Transaction, str], object]
) -> str:
    """Write a request to a worker, and audit it; returns the worker's whole id.

    Raises:
        NotFoundError: There is no such worker, or there are several.
    """

    def operation(tx: Transaction) -> str:
        worker = meant(tx.session, name)
        write(tx, worker)
        audit.add(tx.session, tx.now, str(by), action, worker)
        return worker

    return engine.commit(operation)


def meant(session: Session, name: str) -> str:
    """The id of the one present worker whose id begins with a name.

    Raises:
        NotFoundError: There is none, or there are several.
    """
    found = [each.id for each in workers.present(session) if each.id.startswith(name)]
    if len(found) != 1 or not name:
        what = "no worker is" if not found else "several workers are"
        raise NotFoundError(f"{what} named {name!r}: `orchestrate workers list` shows them")
    return found[0]
