"""Which messages of the outbox may leave at once, and which must wait for their turn."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from orchestration.engine.speech import CANCEL
from orchestration.messages import MessageType, routing_key
from orchestration.store import outbox
from orchestration.store.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Said:
    """A message that is under way.

    Attributes:
        topic: What it is about: of a command, its id.
        turn: The same for messages that must leave one after the other.
    """

    id: int
    version: int
    lane: str
    topic: str
    turn: str


def said_of(row: OutboxRow) -> Said:
    """A row's identity while its message is under way."""
    return Said(row.id, row.version, row.lane, row.topic, turn_of(row))


def turn_of(row: OutboxRow) -> str:
    """The turn of a row: a run's news to its requester share one; a command and its cancel do."""
    is_told = row.kind == outbox.NOTICE or row.topic.startswith(f"{outbox.ACKNOWLEDGEMENT}:")
    return str(row.run_id) if is_told else row.topic.removesuffix(CANCEL)


def choose(rows: Iterable[OutboxRow], under_way: Collection[Said]) -> list[OutboxRow]:
    """The first row of each turn that has no message under way."""
    busy = {said.turn for said in under_way}
    chosen: dict[str, OutboxRow] = {}
    for row in rows:
        if (turn := turn_of(row)) not in busy:
            chosen.setdefault(turn, row)
    return list(chosen.values())


def routing_key_of(row: OutboxRow) -> str:
    """The routing key of a row: a letter's own; of a notice, made from its kind and recipient."""
    if row.kind == outbox.LETTER:
        return row.routing_key
    what = row.topic.partition(":")[0]
    kind = MessageType.RESPONSE if what == outbox.FINAL else MessageType.STATUS_UPDATE
    return routing_key(kind, row.routing_key)
