"""Workers that are to go in good order."""

from orchestration.engine import Engine, membership
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError
from orchestration.ports import Session
from orchestration.store import audit, workers


def drain(engine: Engine, name: str, by: By) -> str:
    """Let a worker take nothing new, finish what it has, and end; tells its whole id.

    Args:
        engine: Where it is listed.
        name: Its id, or so much of its beginning that it is the only one.
        by: Who wants that.

    Raises:
        NotFoundError: There is no such worker, or there are several.
    """

    def write(tx: Transaction) -> str:
        worker = meant(tx.session, name)
        membership.drain(tx, worker)
        audit.add(tx.session, tx.now, str(by), "drain_worker", worker)
        return worker

    return engine.commit(write)


def meant(session: Session, name: str) -> str:
    """The worker whose id begins so.

    Raises:
        NotFoundError: There is none, or there are several.
    """
    found = [each.id for each in workers.present(session) if each.id.startswith(name)]
    if len(found) != 1 or not name:
        what = "no worker is" if not found else "several workers are"
        raise NotFoundError(f"{what} named {name!r}: `orchestrate workers list` shows them")
    return found[0]
