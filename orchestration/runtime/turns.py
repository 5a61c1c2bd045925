"""What is said at once, and what must wait for its turn."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from orchestration.engine.speech import CANCEL
from orchestration.messages import MessageType, routing_key
from orchestration.store import outbox
from orchestration.store.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Said:
    """What is under way.

    Attributes:
        turn: What is said one after the other has the same.
    """

    id: int
    version: int
    lane: str
    turn: str


def said_of(row: OutboxRow) -> Said:
    """What is remembered of a row while it is under way."""
    return Said(row.id, row.version, row.lane, turn_of(row))


def turn_of(row: OutboxRow) -> str:
    """What is said one thing at a time: what a requester is told of a run; a command, its end."""
    is_told = row.kind == outbox.NOTICE or row.topic.startswith(f"{outbox.ACKNOWLEDGEMENT}:")
    return str(row.run_id) if is_told else row.topic.removesuffix(CANCEL)


def choose(rows: Iterable[OutboxRow], under_way: Collection[Said]) -> list[OutboxRow]:
    """Of these rows, those that are not under way, the first of each turn that is free."""
    busy = {said.turn for said in under_way}
    chosen: dict[str, OutboxRow] = {}
    for row in rows:
        if (turn := turn_of(row)) not in busy:
            chosen.setdefault(turn, row)
    return list(chosen.values())


def routing_key_of(row: OutboxRow) -> str:
    """Where a row goes: a notice's key is its recipient, a letter's stands in it."""
    if row.kind == outbox.LETTER:
        return row.routing_key
    what = row.topic.partition(":")[0]
    kind = MessageType.RESPONSE if what == outbox.FINAL else MessageType.STATUS_UPDATE
    return routing_key(kind, row.routing_key)
