"""The ingress: a thread that takes messages from the exchange into the store.

It parses before the transaction, commits in batches, and acknowledges only after the commit: a
crash in between brings a message again, and its key makes that harmless. Heartbeats are worth
only their newest, so they are kept in memory for a moment and written together.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from orchestration.bus import topology
from orchestration.bus.claim import Claim
from orchestration.bus.trouble import NO_CONNECTION
from orchestration.clock import new_id
from orchestration.definitions import App
from orchestration.engine import Engine, intake
from orchestration.engine.intake import Received
from orchestration.engine.submit import Command, prepare
from orchestration.engine.transaction import Transaction
from orchestration.errors import (
    MalformedMessageError,
    OrchestrationError,
    OtherStoreError,
    RejectedError,
    StoreError,
)
from orchestration.messages import Envelope, MessageType, parse, plain
from orchestration.ports import Locks
from orchestration.settings import Settings
from orchestration.store.dead_letters import DeadLetter

log = logging.getLogger("rabbitmq_orchestration")

PREFETCH = 400
BATCH = 200
LINGER_S = 0.02
LONGEST_KEY = 200
BEATS_EVERY_S = 0.5
PAUSE_S = 1.0
DEAD = "dead"
ELECTED = ("ingress-0", "ingress-1")

Operation = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as RabbitMQ delivered it.

    Attributes:
        reason: Why a queue dropped it; None: none has.
        user: Who published it, checked by RabbitMQ; None: it does not say.
    """

    queue: str
    tag: int
    routing_key: str
    body: bytes
    reason: str | None = None
    user: str | None = None


class Ingress:
    """Consumes what is meant for the orchestrator, in one of the two workers that are elected.

    Args:
        engine: Where messages are handled.
        app: What can be started, and where data go.
        locks: By which the two are elected.
        parameters: How to connect.
        claim: Made by each connection, before it consumes.
        settings: What is secret in a body that is kept, and which user speaks for whom.
    """

    def __init__(
        self,
        engine: Engine,
        app: App,
        locks: Locks,
        parameters: pika.connection.Parameters,
        claim: Claim,
        settings: Settings,
    ) -> None:
        self._engine = engine
        self._app = app
        self._locks = locks
        self._parameters = parameters
        self._claim = claim
        self._settings = settings
        self._stopping = threading.Event()
        self._election: str | None = None
        self._deliveries: list[Delivery] = []
        self._beats: dict[str, Envelope] = {}
        self._beats_due = 0.0
        self._thread = threading.Thread(target=self._serve, name="ingress", daemon=True)

    def start(self) -> None:
        """Begin to consume, once elected."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not acknowledged comes again, to somebody else."""
        self._stopping.set()
        self._thread.join()
        if self._election is not None:
            self._locks.release(self._election)
            self._election = None

    def _serve(self) -> None:
        while not self._stopping.is_set() and self._election is None:
            self._election = self._elected()
            if self._election is None:
                self._stopping.wait(PAUSE_S)
        while not self._stopping.is_set():
            try:
                self._consume()
            except NO_CONNECTION as error:
                log.warning("ingress: no connection to RabbitMQ, trying again: %s", error)
            except OtherStoreError as error:
                log.error("ingress: %s", error)  # noqa: TRY400 - the keeper ends this process
            except StoreError as error:
                log.warning("ingress: the store is away, trying again: %s", error)
            self._stopping.wait(PAUSE_S)

    def _elected(self) -> str | None:
        return next((name for name in ELECTED if self._locks.hold(name)), None)

    def _consume(self) -> None:
        self._deliveries.clear()
        connection = pika.BlockingConnection(self._parameters)
        try:
            self._claim.make(connection)
            channel = connection.channel()
            topology.declare(channel)
            channel.basic_qos(prefetch_count=PREFETCH)
            for queue in topology.CONSUMED:
                channel.basic_consume(queue, self._receiver(queue))
            while not self._stopping.is_set():
                connection.process_data_events(time_limit=LINGER_S)
                self._handle(channel)
        finally:
            if connection.is_open:
                connection.close()

    def _receiver(self, queue: str) -> Callable[..., None]:
        def receive(
            _channel: BlockingChannel,
            method: pika.spec.Basic.Deliver,
            properties: pika.BasicProperties,
            body: bytes,
        ) -> None:
            reason = death_of(properties) if queue == topology.DEAD_QUEUE else None
            key = key_of(method)
            log.debug("received %s on %s, %d bytes", key, queue, len(body))
            user = properties.user_id
            self._deliveries.append(Delivery(queue, method.delivery_tag, key, body, reason, user))

        return receive

    def _handle(self, channel: BlockingChannel) -> None:
        for urgent in [each for each in self._deliveries if each.queue == topology.CONTROL]:
            self._deliveries.remove(urgent)
            self._take([urgent])
            channel.basic_ack(urgent.tag)
        batch, self._deliveries = self._deliveries[:BATCH], self._deliveries[BATCH:]
        self._take(batch)
        if batch:
            channel.basic_ack(batch[-1].tag, multiple=True)

    def _take(self, batch: list[Delivery]) -> None:
        """Write what a batch means; once this returns it may be acknowledged."""
        pairs = [(each, op) for each in batch if (op := self._operation(each)) is not None]
        self._write_beats()
        if pairs:
            outcomes = self._engine.commit_many([operation for _, operation in pairs])
            for (delivery, _), outcome in zip(pairs, outcomes, strict=True):
                self._settle(delivery, outcome)

    def _settle(self, delivery: Delivery, outcome: Exception | None) -> None:
        """Go on after a message; one that nothing can be done with must not come again for ever."""
        if isinstance(outcome, StoreError):
            raise outcome
        if outcome is not None:
            log.error("ingress: a message on %s failed", delivery.routing_key, exc_info=outcome)
            problem = f"{type(outcome).__name__}: {outcome}"
            self._engine.commit(self._burial(delivery, MalformedMessageError("failed", problem)))

    def _operation(self, delivery: Delivery) -> Operation | None:
        """What a message means; None where nothing is to be written for it alone."""
        try:
            envelope = parse(delivery.body)
            self._check_user(delivery, envelope)
        except MalformedMessageError as error:
            return self._burial(delivery, error)
        if not envelope.is_for_us:
            return None
        if envelope.message_type is MessageType.HEARTBEAT and delivery.reason is None:
            self._keep_beat(envelope)
            return None
        if delivery.reason is not None and envelope.message_type is not MessageType.RESPONSE:
            return self._lost(delivery, envelope, delivery.reason)
        received = self._received(delivery, envelope)
        return lambda tx: intake.take(tx, received)

    def _check_user(self, delivery: Delivery, envelope: Envelope) -> None:
        """Let nobody speak for another agent, where that is asked for.

        Raises:
            MalformedMessageError: The user is not known, or not as this sender.
        """
        sender, user = envelope.sender, delivery.user
        if envelope.is_for_us and not self._settings.vouches(user, sender):
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
            copied=topology.has_copy(delivery.routing_key),
        )
        if envelope.message_type is not MessageType.COMMAND:
            return received
        try:
            return replace(received, command=self._command(envelope))
        except OrchestrationError as error:
            return replace(received, refusal=error)

    def _command(self, envelope: Envelope) -> Command:
        payload = envelope.payload
        name = payload.get("command_type", payload.get("command"))
        parameters = payload.get("parameters") or {}
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise RejectedError("payload: command_type is a text and parameters an object")
        command = prepare(self._app, name, parameters, sender=envelope.sender, run_hex=new_id())
        return replace(
            command,
            key=key_in(payload) or envelope.id,
            correlation_id=envelope.id,
            priority=int(envelope.priority),
            requester=envelope.answer_to,
        )

    def _burial(self, delivery: Delivery, error: MalformedMessageError) -> Operation:
        """Keep what is no message; a sender who may be another one's victim is not told."""
        sender = error.sender
        if sender is not None and not self._settings.vouches(delivery.user, sender):
            sender = None
        body = self._settings.masked(delivery.body)
        letter = DeadLetter(
            reason=error.reason,
            detail=plain(error, intake.LONGEST_DETAIL),
            routing_key=delivery.routing_key,
            body=body,
            sender=sender,
            message_id=error.message_id,
            masked=body != delivery.body,
        )
        copied = topology.has_copy(delivery.routing_key)
        answer = error.answerable
        return lambda tx: intake.bury(tx, letter, answer=answer, error=error, copied=copied)

    def _lost(self, delivery: Delivery, envelope: Envelope, reason: str) -> Operation | None:
        """A message that the queue dropped; a command has a copy elsewhere."""
        if topology.has_copy(delivery.routing_key):
            return None
        error = MalformedMessageError(
            reason, f"RabbitMQ dropped the message from {topology.QUEUE}: {reason}"
        )
        received = replace(self._received(delivery, envelope), command=None)
        return lambda tx: intake.refuse(tx, received, error)

    def _keep_beat(self, envelope: Envelope) -> None:
        """Keep the newest heartbeat of an agent; what only an older one told is kept with it."""
        older = self._beats.get(envelope.sender)
        if older is not None:
            payload = {**older.payload, **envelope.payload}
            envelope = envelope.model_copy(update={"payload": payload})
        self._beats[envelope.sender] = envelope

    def _write_beats(self) -> None:
        now = time.monotonic()
        if not self._beats or now < self._beats_due:
            return
        beats, self._beats = list(self._beats.values()), {}
        self._beats_due = now + BEATS_EVERY_S

        def write(tx: Transaction) -> None:
            for envelope in beats:
                intake.beat(tx, envelope)

        self._engine.commit(write)


def death_of(properties: pika.BasicProperties) -> str:
    """Why RabbitMQ dead-lettered a message: `expired`, `maxlen` or `rejected`."""
    deaths = (properties.headers or {}).get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return plain(latest.get("reason", DEAD), LONGEST_KEY) if isinstance(latest, dict) else DEAD


def key_of(method: pika.spec.Basic.Deliver) -> str:
    """The routing key of a message; pika leaves one that is no UTF-8 as bytes."""
    key: str | bytes = method.routing_key
    return plain(key.decode(errors="replace") if isinstance(key, bytes) else key, LONGEST_KEY)


def key_in(payload: Mapping[str, Any]) -> str | None:
    """What makes a repeated command known, where the sender chose that; else its id does.

    Raises:
        RejectedError: It is too long to be kept.
    """
    key = payload.get("idempotency_key")
    if key is None:
        return None
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY or "\0" in key:
        raise RejectedError(f"payload.idempotency_key: use 1 to {LONGEST_KEY} characters")
    return key
