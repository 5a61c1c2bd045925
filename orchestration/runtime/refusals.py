"""Handles messages that RabbitMQ refuses."""

import logging
from collections.abc import Iterable

from orchestration.bus.publisher import Refusal
from orchestration.engine import alerts
from orchestration.engine.transaction import Transaction
from orchestration.messages import plain
from orchestration.store import dead_letters
from orchestration.store.alerts import AlertKind
from orchestration.store.dead_letters import DeadLetter

log = logging.getLogger("rabbitmq_orchestration")

LONGEST_DETAIL = 1_000


def bury(tx: Transaction, refusal: Refusal) -> None:
    """Store as a dead letter a message that would be refused at every try."""
    letter, said = refusal.letter, refusal.letter.tag
    detail = f"RabbitMQ does not take it: {plain(refusal.reason, LONGEST_DETAIL)}"
    log.error("notifier: %s is not told: %s", said.lane, detail)
    dead = DeadLetter(
        reason="refused",
        detail=detail,
        routing_key=letter.routing_key,
        body=letter.body,
        masked=True,  # it is not addressed to us, so it cannot be replayed
    )
    dead_letters.add(tx.session, dead, tx.now)
    message = f"a message to {said.lane} is a dead letter: {detail}"
    alerts.alert(tx, AlertKind.DEAD_LETTERS, said.lane, message)


def alert(tx: Transaction, refusals: Iterable[Refusal]) -> None:
    """Alert people that recipients have taken nothing for a while."""
    for refusal in refusals:
        lane = refusal.letter.tag.lane
        message = f"{lane} is not told anything: {refusal.reason}; let it consume, or delete it"
        alerts.alert(tx, AlertKind.QUEUE_OVERFLOW, lane, message)
