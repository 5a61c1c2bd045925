"""Dead letters: which are selected, and how they are replayed or discarded."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from orchestration.definitions import App
from orchestration.desk.changes import Outcome
from orchestration.engine import Engine
from orchestration.engine.by import By
from orchestration.errors import NotFoundError, OrchestrationError, StateError
from orchestration.ports import Session
from orchestration.runtime import replay as replaying
from orchestration.settings import Settings
from orchestration.store import dead_letters
from orchestration.store.dead_letters import DeadLetterRow

MOST = 10_000


class Handled(NamedTuple):
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
) -> Outcome[Handled]:
    """Handle letters again, the oldest first; return the outcomes and the refusals."""
    again = replaying.Replay(engine, app, settings)

    def handle(row: DeadLetterRow) -> Handled:
        died = again.again(row.id, by)
        return Handled(row.id, "handled" if died is None else f"died again, as {died}", died)

    return in_turn(reversed(rows), handle)


def discard(engine: Engine, rows: Sequence[DeadLetterRow], by: By) -> Outcome[Handled]:
    """Forget letters for good; return the outcomes and the refusals."""

    def forget(row: DeadLetterRow) -> Handled:
        engine.commit(partial(replaying.discard, row=row, by=by))
        return Handled(row.id, "discarded")

    return in_turn(rows, forget)


def in_turn(
    rows: Iterable[DeadLetterRow], handle: Callable[[DeadLetterRow], Handled]
) -> Outcome[Handled]:
    """Handle each letter; return the outcomes, and why others could not be handled."""
    handled, refused = list[Handled](), list[OrchestrationError]()
    for row in rows:
        try:
            handled.append(handle(row))
        except (NotFoundError, StateError) as error:
            refused.append(error)
    return handled, refused


def as_json(handled: Handled) -> dict[str, Any]:
    """What became of a letter, as people and programs see it."""
    return {"id": handled.letter, "outcome": handled.outcome, "died_as": handled.died_as}
