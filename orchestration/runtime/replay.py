"""Replays dead letters: each is handled once as if it had just come."""

from functools import partial

from orchestration.definitions import App
from orchestration.engine import Engine, intake
from orchestration.engine.by import By
from orchestration.engine.transaction import Transaction
from orchestration.errors import NotFoundError, StateError
from orchestration.messages import Envelope
from orchestration.runtime.door import Delivery, Door, Operation
from orchestration.settings import Settings
from orchestration.store import audit, dead_letters
from orchestration.store.dead_letters import DeadLetterRow

QUEUE = "replay"
FORGED = "user_id"


class Replay:
    """Handles dead letters again, through the door by which all messages come.

    Args:
        engine: The engine whose store has the letters.
        app: The workflows that can be started.
        settings: The secrets to mask in stored bodies.
    """

    def __init__(self, engine: Engine, app: App, settings: Settings) -> None:
        self._engine = engine
        self._door = Door(app, settings)

    def again(self, letter_id: int, by: By) -> int | None:
        """Handle one letter again; return the new letter's number if it is refused again.

        Raises:
            NotFoundError: There is no such letter.
            StateError: The letter cannot be replayed.
        """
        row, body = self._engine.store.read(lambda s: dead_letters.get(s, letter_id))
        check(row)
        delivery = Delivery(QUEUE, 0, row.routing_key, body, replayed=True)
        meaning = self._door.read(delivery)
        if isinstance(meaning, Envelope):
            meaning = partial(intake.beat, envelope=meaning)
        return self._engine.commit(lambda tx: handle(tx, row, meaning, by))


def check(row: DeadLetterRow) -> None:
    """Refuse a letter that is not whole, or whose user did not speak for its sender.

    Raises:
        StateError: The letter is such a one.
    """
    if not row.replayable:
        raise StateError(
            f"dead letter {row.id} is not whole (secrets were masked in it, or it was too large):"
            " let its sender send it again"
        )
    if row.reason == FORGED:
        raise StateError(
            f"dead letter {row.id} came from a user who does not speak for {row.sender}:"
            " add that user to USER_AGENTS, and let it be sent again"
        )


def handle(tx: Transaction, row: DeadLetterRow, operation: Operation | None, by: By) -> int | None:
    """Delete a dead letter and do its operation, in one transaction.

    Raises:
        NotFoundError: The letter was replayed or discarded meanwhile.
    """
    take(tx, row, "replay", by)
    before = dead_letters.last_id(tx.session)
    if operation is not None:
        operation(tx)
    after = dead_letters.last_id(tx.session)
    return after if after != before else None


def discard(tx: Transaction, row: DeadLetterRow, by: By) -> None:
    """Delete a letter for good.

    Raises:
        NotFoundError: The letter was replayed or discarded meanwhile.
    """
    take(tx, row, "discard", by)


def take(tx: Transaction, row: DeadLetterRow, verb: str, by: By) -> None:
    """Delete a letter, and note for the audit what becomes of it.

    Raises:
        NotFoundError: The letter was replayed or discarded meanwhile.
    """
    if not dead_letters.discard(tx.session, row.id):
        raise NotFoundError(f"dead letter {row.id} is gone: somebody else has dealt with it")
    audit.add(tx.session, tx.now, str(by), verb, f"dead letter {row.id} ({row.reason})")
