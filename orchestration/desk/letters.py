"""Dead letters: which are selected, and how they are replayed or discarded."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

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


class Settled(NamedTuple):
    """What became of a letter.

    Attributes:
        outcome: In words.
        died_as: Its new number if it became a dead letter again; None: it did not.
    """

    letter: int
    outcome: str
    died_as: int | None = None


def wanted(
    session: Session, ids: Sequence[int], reason: str | None, sender: str | None
) -> list[DeadLetterRow]:
    """The letters with the given ids, or those that match the filter, newest first.

    Raises:
        NotFoundError: No letter has one of the ids.
    """
    if ids:
        return [dead_letters.get(session, each)[0] for each in dict.fromkeys(ids)]
    return dead_letters.newest(session, MOST, reason, sender)


def replay(
    engine: Engine, app: App, settings: Settings, rows: Sequence[DeadLetterRow], by: By
) -> tuple[list[Settled], list[OrchestrationError]]:
    """Handle letters again, the oldest first; return the outcomes and the refusals."""
    again = replaying.Replay(engine, app, settings)
    settled, refused = list[Settled](), list[OrchestrationError]()
    for row in reversed(rows):
        try:
            died = again.again(row.id, by)
        except (NotFoundError, StateError) as error:
            refused.append(error)
        else:
            said = "handled" if died is None else f"died again, as {died}"
            settled.append(Settled(row.id, said, died))
    return settled, refused


def discard(engine: Engine, rows: Sequence[DeadLetterRow], by: By) -> list[Settled]:
    """Forget letters for good."""
    for row in rows:
        engine.commit(partial(replaying.discard, row=row, by=by))
    return [Settled(row.id, "discarded") for row in rows]


def as_json(settled: Settled) -> dict[str, Any]:
    """What became of a letter, as people and programs see it."""
    return {"id": settled.letter, "outcome": settled.outcome, "died_as": settled.died_as}
