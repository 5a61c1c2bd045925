"""Alerts: raised in the transaction of what they are about, and told after its commit."""

from datetime import timedelta

from orchestration.engine.transaction import Transaction
from orchestration.messages import plain
from orchestration.store import alerts
from orchestration.store.alerts import AlertKind, NewAlert

COOLDOWN = timedelta(minutes=5)
AT_ONCE = timedelta(0)
LONGEST_SUBJECT = 200
LONGEST_MESSAGE = 1_000


def alert(
    tx: Transaction,
    kind: AlertKind,
    subject: str,
    message: str,
    *,
    run_id: str | None = None,
    cooldown: timedelta = COOLDOWN,
) -> None:
    """Let people know of something, once this transaction is committed.

    Args:
        tx: The transaction of what has happened.
        kind: What it is about.
        subject: The agent, workflow or queue; of one kind, each has a cooldown of its own.
        message: One line for people.
        run_id: The run that it is about, if it is one.
        cooldown: How long repetitions are kept back, to be told as one.
    """
    new = NewAlert(kind, plain(subject, LONGEST_SUBJECT), said(tx, message), run_id)
    alerts.add(tx.session, new, tx.now, cooldown)


def correct(tx: Transaction, kind: AlertKind, subject: str, message: str) -> None:
    """Let those who were not told of something yet learn what has become of it instead."""
    alerts.correct(tx.session, kind, plain(subject, LONGEST_SUBJECT), said(tx, message))


def said(tx: Transaction, message: str) -> str:
    """A message as people get it: one line without secrets."""
    return plain(tx.rules.mask(message), LONGEST_MESSAGE)
