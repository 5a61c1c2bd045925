"""Handles messages from the exchange, each in a transaction of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestration.engine import alerts, data, outside, speech, verdicts
from orchestration.engine.submit import Command, submit
from orchestration.engine.transaction import Transaction
from orchestration.engine.verdicts import Verdict
from orchestration.errors import (
    DeadLetterError,
    OrchestrationError,
    OverloadedError,
    RejectedError,
    StoppedError,
)
from orchestration.messages import (
    NEVER_ANSWERED,
    ORCHESTRATORS,
    QUEUE,
    Envelope,
    MessageType,
    plain,
    with_texts,
)
from orchestration.state import RunStatus
from orchestration.store import agents, commands, dead_letters
from orchestration.store.alerts import AlertKind
from orchestration.store.dead_letters import DeadLetter

MOST_ERRORS = 10
LONGEST_STATUS = 50
LONGEST_TYPE = 200
ERRORS_WITHIN = timedelta(minutes=1)
COPY_WITHIN = timedelta(minutes=10)
LONGEST_DETAIL = 1_000
OVERFLOW = "maxlen"  # as RabbitMQ names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message for the orchestrator, parsed before the transaction.

    Attributes:
        command: What a command asks for, validated.
        verdict: A person's answer to an approval; then there is no command.
        refusal: Why the command cannot be done; then there is no command.
        masked: Whether a secret was taken out of the body.
        queue: The queue by which it came.
        copied: Whether the same message also comes by another queue.
    """

    envelope: Envelope
    body: bytes
    routing_key: str
    queue: str
    command: Command | None = None
    verdict: Verdict | None = None
    refusal: OrchestrationError | None = None
    masked: bool = False
    copied: bool = False


def take(tx: Transaction, received: Received) -> None:
    """Do what a message asks for; a message that is refused becomes a dead letter."""
    envelope = received.envelope
    try:
        match envelope.message_type:
            case MessageType.COMMAND:
                accept(tx, received)
            case MessageType.RESPONSE:
                outside.answer(tx, envelope)
            case MessageType.STATUS_UPDATE:
                outside.report(tx, envelope)
            case MessageType.HEARTBEAT:
                beat(tx, envelope)
            case MessageType.ERROR:
                outside.complain(tx, envelope)
            case MessageType.DATA:
                keep_data(tx, envelope)
    except (RejectedError, OverloadedError, StoppedError) as error:
        refuse(tx, received, error)


def accept(tx: Transaction, received: Received) -> None:
    """Do what a command asks for, and acknowledge it once, though it may come by two queues.

    Raises:
        RejectedError: The command cannot be done.
        OverloadedError: The sender has too many pending runs.
        StoppedError: An emergency stop holds.
    """
    asked: Command | Verdict | None = received.verdict or received.command
    if asked is None:
        raise received.refusal or RejectedError("the command could not be read")
    if isinstance(asked, Verdict):
        status, run_id, name = verdicts.carry_out(tx, asked), asked.run_id, asked.name
    else:
        status, run_id, name = RunStatus.PENDING, submit(tx, asked), asked.plan.name
    key = asked.key or received.envelope.id
    if not received.copied or commands.is_first(tx.session, asked.sender, key, received.queue):
        speech.acknowledge(tx, run_id, name, received.envelope, status.value)


def beat(tx: Transaction, envelope: Envelope) -> None:
    """Write a heartbeat, and what the agent says it can do."""
    payload = with_texts(envelope.payload, tx.rules.mask)
    status = plain(payload.get("status", payload.get("health_status", "running")), LONGEST_STATUS)
    metrics = payload.get("metrics")
    found = metrics if isinstance(metrics, dict) else None
    if not agents.beat_again(tx.session, envelope.sender, status, found, tx.now):
        if not tx.admits(envelope.sender):
            return
        agents.beat(tx.session, envelope.sender, status, found, tx.now)
    if isinstance(capabilities := payload.get("capabilities"), list):
        agents.describe(tx.session, envelope.sender, [str(each) for each in capabilities])


def beat_all(tx: Transaction, beats: Sequence[Envelope]) -> None:
    """Write the newest heartbeat of each of several agents."""
    for envelope in beats:
        beat(tx, envelope)


def keep_data(tx: Transaction, envelope: Envelope) -> None:
    """Store data, and forward them to the agents that a route names.

    Raises:
        DeadLetterError: The message does not say of which type the data are.
    """
    kind = envelope.payload.get("data_type")
    if not isinstance(kind, str) or not kind:
        raise DeadLetterError("wrong_field", "payload.data_type: say of which type the data are")
    data.share(tx, plain(kind, LONGEST_TYPE), envelope.sender, envelope.id, envelope.payload)


def refuse(tx: Transaction, received: Received, error: OrchestrationError) -> None:
    """Store a refused message as a dead letter, and tell its sender."""
    envelope = received.envelope
    letter = DeadLetter(
        reason=speech.kind_of(error),
        detail=plain(tx.rules.mask(str(error)), LONGEST_DETAIL),
        routing_key=received.routing_key,
        body=received.body,
        sender=envelope.sender,
        message_id=envelope.id,
        masked=received.masked,
    )
    answer = envelope.message_type not in NEVER_ANSWERED
    bury(tx, letter, answer=answer, error=error, copied=received.copied)


def bury(
    tx: Transaction,
    letter: DeadLetter,
    *,
    answer: bool,
    error: OrchestrationError,
    copied: bool = False,
) -> None:
    """Store a dead letter, and tell its sender, at most `MOST_ERRORS` times a minute.

    Commands come by two queues: a copy of a letter that was just stored is not stored again.
    """
    if copied and dead_letters.is_known(tx.session, letter, tx.now - COPY_WITHIN):
        return
    if answer and letter.sender is not None and letter.sender not in ORCHESTRATORS:
        since = tx.now - ERRORS_WITHIN
        if not dead_letters.many_since(tx.session, letter.sender, since, MOST_ERRORS):
            speech.reject(tx, letter.sender, letter.message_id, error)
    dead_letters.add(tx.session, letter, tx.now)
    if letter.reason == OVERFLOW:
        overflow(tx)
    else:
        message = f"a message could not be used ({letter.reason}: {letter.detail})"
        alerts.alert(tx, AlertKind.DEAD_LETTERS, letter.reason, message)


def overflow(tx: Transaction) -> None:
    """Alert people that the orchestrator's queue was full, and lost its oldest messages."""
    message = (
        f"{QUEUE} is full, and RabbitMQ drops its oldest messages: commands come by their copies,"
        " all else is lost; start more workers, or let agents send less"
    )
    alerts.alert(tx, AlertKind.QUEUE_OVERFLOW, QUEUE, message)
