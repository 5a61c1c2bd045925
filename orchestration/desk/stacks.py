"""Where the threads of a worker stand, as it tells itself, on whichever machine it is."""

from orchestration.desk.draining import meant
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.store import audit, workers


def ask(engine: Engine, name: str, by: By) -> str:
    """Let a worker write where its threads stand, with its next beat; tells its whole id.

    Args:
        engine: Where it is listed.
        name: Its id, or so much of its beginning that it is the only one.
        by: Who wants that.

    Raises:
        NotFoundError: There is no such worker, or there are several.
    """

    def write(tx: Transaction) -> str:
        worker = meant(tx.session, name)
        workers.ask_stacks(tx.session, worker)
        audit.add(tx.session, tx.now, str(by), "ask_stacks", worker)
        return worker

    return engine.commit(write)
