"""Alerts: written in the transaction of the event that they are about, sent after its commit."""

from datetime import timedelta

from orchestration.context import storable
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
    """Raise an alert, which people get once this transaction is committed.

    Args:
        tx: The transaction of the event.
        kind: What it is about.
        subject: The agent, workflow or queue; each kind and subject has its own cooldown.
        message: One line for people.
        run_id: The run that it is about, if any.
        cooldown: How long repetitions are held back, to be sent as one.
    """
    new = NewAlert(kind, plain(subject, LONGEST_SUBJECT), said(tx, message), run_id)
    alerts.add(tx.session, new, tx.now, cooldown)


def correct(
    tx: Transaction, kind: AlertKind, subject: str, message: str, *, run_id: str | None = None
) -> bool:
    """Replace the message and the run of an alert wherever it has not been sent yet.

    Returns:
        Whether nobody has been told of it yet, so that all get this message.
    """
    new = NewAlert(kind, plain(subject, LONGEST_SUBJECT), said(tx, message), run_id)
    return alerts.correct(tx.session, new)


def end(tx: Transaction, kind: AlertKind, subject: str) -> None:
    """Let the alerts of a kind and subject be over: they are not sent any more."""
    alerts.end(tx.session, kind, plain(subject, LONGEST_SUBJECT), tx.now)


def run_to_tell_of(tx: Transaction, kind: AlertKind, subject: str) -> str | None:
    """The run of an alert that has not been sent everywhere yet; None: there is no such alert."""
    return alerts.run_to_tell_of(tx.session, kind, plain(subject, LONGEST_SUBJECT))


def said(tx: Transaction, message: str) -> str:
    """A message as people get it: one line, secrets masked; whatever an older release stored."""
    return plain(storable(tx.rules.mask(message)), LONGEST_MESSAGE)
