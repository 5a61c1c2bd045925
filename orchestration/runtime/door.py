"""The door: messages are checked and parsed here, before any transaction."""

import json
import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestration.bus import topology
from orchestration.clock import run_hex
from orchestration.definitions import App
from orchestration.engine import intake, verdicts
from orchestration.engine.intake import Received
from orchestration.engine.submit import LONGEST_KEY, Command, prepare
from orchestration.engine.transaction import Transaction
from orchestration.engine.verdicts import Verdict
from orchestration.errors import MalformedMessageError, OrchestrationError, RejectedError
from orchestration.logs import about
from orchestration.messages import (
    NEVER_ANSWERED,
    ORCHESTRATORS,
    Envelope,
    MessageType,
    checked,
    decoded,
    is_for_others,
    plain,
    readable,
)
from orchestration.runtime.approvers import actor_of, verdict_of
from orchestration.settings import Settings
from orchestration.store import commands
from orchestration.store.dead_letters import DeadLetter
from orchestration.traces import tracer

log = logging.getLogger("rabbitmq_orchestration")

LARGEST_METRICS = 16 * 2**10
MOST_CAPABILITIES, LONGEST_CAPABILITY = 100, 100
SAYS_HOW_IT_IS = frozenset({MessageType.HEARTBEAT, MessageType.STATUS_UPDATE})

Operation = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as RabbitMQ delivered it.

    Attributes:
        reason: Why a queue dropped it; None: none has.
        user: The publisher, checked by RabbitMQ; None: not given.
        replayed: Whether a person replays it from the dead letters, and so vouches for it.
        traceparent: The publisher's span; None: not given.
    """

    queue: str
    tag: int
    routing_key: str
    body: bytes
    reason: str | None = None
    user: str | None = None
    replayed: bool = False
    traceparent: str | None = None

    @property
    def copied(self) -> bool:
        """Whether the same message also comes by another queue."""
        return not self.replayed and topology.has_copy(self.routing_key)


class Door:
    """Turns valid messages into operations, and the others into dead letters.

    Args:
        app: The workflows that can be started.
        settings: The secrets to mask in stored bodies, and which user speaks for which agent.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def read(self, delivery: Delivery) -> Operation | Envelope | None:
        """What a message asks for: an operation, a heartbeat, or None: it is not for us.

        A message whose sender is the orchestrator is our own, or a forgery: neither is for us.
        """
        try:
            value = decoded(delivery.body)
            if is_for_others(value):
                return None
            envelope = checked(value, delivery.body)
            if envelope.sender in ORCHESTRATORS:
                return None
            self._check_user(delivery, envelope)
            check_size(envelope, len(delivery.body))
        except MalformedMessageError as error:
            return self.bury(delivery, error.as_value())
        if envelope.message_type is MessageType.HEARTBEAT and delivery.reason is None:
            return envelope
        if delivery.reason is not None and envelope.message_type is not MessageType.RESPONSE:
            return self._lost(delivery, envelope, delivery.reason)
        received = self._received(delivery, envelope)
        return lambda tx: intake.take(tx, received)

    def _check_user(self, delivery: Delivery, envelope: Envelope) -> None:
        """Refuse a message whose user may not speak for its sender, if the settings ask for that.

        Raises:
            MalformedMessageError: The user is not known, or not for this sender.
        """
        sender, user = envelope.sender, delivery.user
        if not delivery.replayed and not self._settings.vouches(user, sender):
            who = "a message without user_id" if user is None else f"user {user!r}"
            cure = f"if it may, add {user or 'its user'}={sender} to USER_AGENTS"
            problem = f"{who} does not speak for {sender!r}: {cure}"
            raise MalformedMessageError("user_id", problem, sender, envelope.id)

    def _received(self, delivery: Delivery, envelope: Envelope) -> Received:
        body = self._settings.masked(delivery.body)
        received = Received(
            envelope=envelope,
            body=body,
            routing_key=delivery.routing_key,
            queue=delivery.queue,
            masked=body != delivery.body,
            copied=delivery.copied,
        )
        if envelope.message_type is not MessageType.COMMAND:
            return received
        try:
            with tracer().within(delivery.traceparent):
                found = self._meant(envelope, delivery.user)
        except OrchestrationError as error:
            return replace(received, refusal=error.as_value())
        if isinstance(found, Verdict):
            return replace(received, verdict=found)
        return replace(received, command=found)

    def _meant(self, envelope: Envelope, user: str | None) -> Command | Verdict:
        """What a command asks for; the user that published it, if known, is a causer of the run."""
        payload = envelope.payload
        name = payload.get("command_type", payload.get("command"))
        parameters = payload.get("parameters")
        parameters = {} if parameters is None else parameters
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise RejectedError("payload: command_type is a text and parameters an object")
        key = commands.key_of(envelope.id, key_in(payload))
        if name in verdicts.NAMES and name not in self._app.workflow:
            return verdict_of(envelope, name, key, user, self._settings)
        command = prepare(
            self._app, name, parameters, sender=envelope.sender, run_hex=run_hex(), named=()
        )
        return replace(
            command,
            key=key,
            correlation_id=envelope.id,
            priority=int(envelope.priority),
            requester=envelope.answer_to,
            causers=() if user is None else (actor_of(user),),
        )

    def bury(self, delivery: Delivery, error: MalformedMessageError) -> Operation:
        """Store a malformed message as a dead letter; a sender that may be forged is not told."""
        sender = error.sender
        vouched = delivery.replayed or self._settings.vouches(delivery.user, str(sender))
        if sender is not None and not vouched:
            sender = None
        body = self._settings.masked(delivery.body)
        letter = DeadLetter(
            reason=error.reason,
            detail=plain(self._settings.mask(str(error)), intake.LONGEST_DETAIL),
            routing_key=delivery.routing_key,
            body=body,
            sender=sender,
            message_id=error.message_id,
            masked=body != delivery.body,
        )
        copied = delivery.copied
        answer = error.answerable
        return lambda tx: intake.bury(tx, letter, answer=answer, error=error, copied=copied)

    def fail(self, delivery: Delivery, error: Exception) -> Operation:
        """Store a message whose handling raised as a dead letter; log it, and tell its sender."""
        problem = traceback.format_exception_only(error)[-1].strip()
        try:
            known = readable(decoded(delivery.body))
        except MalformedMessageError:
            known = {}
        with about(correlation_id=known.get("message_id")):
            log.error("a message on %s failed", delivery.routing_key, exc_info=error)
        return self.bury(delivery, MalformedMessageError("failed", problem, **known))

    def _lost(self, delivery: Delivery, envelope: Envelope, reason: str) -> Operation | None:
        """A message that the queue dropped; a command has a copy elsewhere."""
        if topology.has_copy(delivery.routing_key):
            return intake.overflow if reason == intake.OVERFLOW else None
        error = MalformedMessageError(
            reason, f"RabbitMQ dropped the message from {topology.QUEUE}: {reason}"
        )
        received = replace(self._received(delivery, envelope), command=None)
        return lambda tx: intake.refuse(tx, received, error)


def check_size(envelope: Envelope, size: int) -> None:
    """Limit what an agent may report about itself to a size that people can read.

    Raises:
        MalformedMessageError: The metrics or capabilities are too large.
    """
    if envelope.message_type not in SAYS_HOW_IT_IS:
        return
    metrics, able = (envelope.payload.get(name) for name in ("metrics", "capabilities"))
    if size > LARGEST_METRICS and isinstance(metrics, dict):
        size = len(json.dumps(metrics))
        if size > LARGEST_METRICS:
            raise too_large(envelope, f"metrics has {size} bytes, most {LARGEST_METRICS}")
    if not isinstance(able, list):
        return
    if len(able) > MOST_CAPABILITIES or any(len(str(x)) > LONGEST_CAPABILITY for x in able):
        most = f"{MOST_CAPABILITIES} capabilities of {LONGEST_CAPABILITY} characters"
        raise too_large(envelope, f"capabilities: most {most}")


def too_large(envelope: Envelope, problem: str) -> MalformedMessageError:
    """The error for a message that reports too much."""
    answerable = envelope.message_type not in NEVER_ANSWERED
    return MalformedMessageError(
        "too_large", f"payload.{problem}", envelope.sender, envelope.id, answerable=answerable
    )


def key_in(payload: Mapping[str, Any]) -> str | None:
    """The key that the sender chose for a command; None: its id is the key.

    Raises:
        RejectedError: The key is no text, or empty, too long or with NUL.
    """
    key = payload.get("idempotency_key")
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or "\0" in key:
        raise RejectedError(f"payload.idempotency_key: use 1 to {LONGEST_KEY} characters")
    return key
