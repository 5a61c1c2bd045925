"""Dead letters: which are meant, and what becomes of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from orchestration.definitions import App
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import NotFoundError, OrchestrationError, StateError
from orchestration.ports import Session
from orchestration.runtime import replay as replaying
from orchestration.settings import Settings
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow

MOST = 10_000


def wanted(
    session: Session, ids: Sequence[int], reason: str | None, sender: str | None
) -> list[DeadLetterRow]:
    """The letters of some ids, or those that a filter means, newest first.

    Raises:
        NotFoundError: There is no letter of an id.
    """
    if ids:
        return [dead_letters.get(session, each)[0] for each in dict.fromkeys(ids)]
    return dead_letters.newest(session, MOST, reason, sender)


def replay(
    engine: Engine, app: App, settings: Settings, rows: Sequence[DeadLetterRow], by: By
) -> tuple[list[dict[str, Any]], list[OrchestrationError]]:
    """Handle letters again, the oldest first: what became of each, and what was refused."""
    again = replaying.Replay(engine, app, settings)
    outcomes, refused = [], list[OrchestrationError]()
    for row in reversed(rows):
        try:
            died = again.again(row.id, by)
        except (NotFoundError, StateError) as error:
            refused.append(error)
        else:
            said = "handled" if died is None else f"died again, as {died}"
            outcomes.append({"id": row.id, "outcome": said, "died_as": died})
    return outcomes, refused


def discard(engine: Engine, rows: Sequence[DeadLetterRow], by: By) -> list[dict[str, Any]]:
    """Forget letters for good."""
    for row in rows:
        engine.commit(partial(replaying.discard, row=row, by=by))
    return [{"id": row.id, "outcome": "discarded"} for row in rows]
