"""The ingress: a thread that takes messages from the exchange into the store.

It parses before the transaction, commits in batches, and acknowledges only after the commit: after
a crash in between the message is redelivered, and its key makes that harmless. Of an agent's
heartbeats only the newest counts, so they are kept in memory for a moment, then written and
acknowledged together. Emergency stops have a thread and a connection of their own, which no large
message can fill.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial

import pika
from pika.adapters.blocking_connection import BlockingChannel

from orchestration import failpoints
from orchestration.bus import topology
from orchestration.bus.trouble import NO_CONNECTION
from orchestration.bus.vhost_claim import VhostClaim
from orchestration.definitions import App
from orchestration.engine import Engine, intake, outside
from orchestration.engine.submit import LONGEST_KEY
from orchestration.errors import OtherStoreError, StoreError
from orchestration.failpoints import Failpoint
from orchestration.messages import Envelope, plain
from orchestration.ports import Locks
from orchestration.runtime.door import Delivery, Door, Operation
from orchestration.runtime.election import Election
from orchestration.runtime.listening import Listening
from orchestration.runtime.meter import Meter
from orchestration.runtime.rounds import Rounds
from orchestration.settings import Settings
from orchestration.store import counters, steps
from orchestration.traces import HEADER

log = logging.getLogger("rabbitmq_orchestration")

PREFETCH = {topology.QUEUE: 200, topology.INBOX: 150, topology.DEAD_QUEUE: 40, topology.CONTROL: 30}
BATCH = 200
MOST_UNACKNOWLEDGED = 150  # heartbeats that wait: fewer than the broker hands out
FEW, SMALL = 20, 2**16
WAIT_S = 0.5
LINGER_S = 0.05
COMMIT_EVERY_S = 1.5
BIND_EVERY_S = 10.0
PAUSE_S = 1.0
DEAD = "dead"
URGENT = (topology.CONTROL,)
ORDINARY = tuple(queue for queue in topology.CONSUMED if queue not in URGENT)


class Ingress:
    """Consumes the orchestrator's messages, while this worker is one of the two elected.

    Args:
        engine: Where messages are handled.
        app: The workflows that can be started, and the routes of data.
        locks: By which the two workers are elected.
        connect: Opens a connection.
        claim: The claim of the vhost, made by each connection before it consumes.
        settings: What is secret in a body that is stored, and which user speaks for which agent.
        queues: The queues to consume: `ORDINARY` or `URGENT`.
    """

    def __init__(  # noqa: PLR0913 - what a consumer stands between
        self,
        engine: Engine,
        app: App,
        locks: Locks,
        connect: Callable[[], pika.BlockingConnection],
        claim: VhostClaim,
        settings: Settings,
        *,
        queues: Sequence[str] = ORDINARY,
    ) -> None:
        self._queues = queues
        self._engine = engine
        self._door = Door(app, settings)
        self._connect = connect
        self._claim = claim
        self._deliveries: list[Delivery] = []
        self._beats: dict[str, Envelope] = {}
        self._unacknowledged = 0
        self._tag = 0
        self._meter = Meter(engine.clock.monotonic)
        self._commit_due = 0.0
        self._listening = Listening()
        self._name = "control" if queues == URGENT else "ingress"
        self._election = Election(locks, f"{self._name}-0", f"{self._name}-1")
        self._rounds = Rounds(self._name, self._serve, lambda stopping: stopping.wait(PAUSE_S))
        self._stopping = self._rounds.stopping

    @property
    def is_dead(self) -> bool:
        """Whether its thread has ended without being asked to."""
        return self._rounds.is_dead

    def start(self) -> None:
        """Begin to consume, once elected."""
        self._rounds.start()

    def stop(self) -> None:
        """End; unacknowledged messages are redelivered to another worker."""
        self._rounds.stop()
        self._election.resign()

    def _serve(self) -> None:
        """Consume for as long as this worker is elected, and the connection lasts."""
        try:
            if self._election.won():
                self._consume()
        except NO_CONNECTION as error:
            log.warning("%s: no connection to RabbitMQ, trying again: %s", self._name, error)
        except OtherStoreError as error:
            log.error("%s: %s", self._name, error)  # noqa: TRY400 - the keeper ends this process

    def _consume(self) -> None:
        self._deliveries.clear()
        self._meter.forget()
        self._unacknowledged = 0
        connection = self._connect()
        try:
            self._claim.make(connection)
            channel = connection.channel()
            topology.declare(channel)
            for queue in self._queues:
                channel.basic_qos(prefetch_count=PREFETCH[queue])  # for the next consumer
                channel.basic_consume(queue, self._receiver(queue))
            bound_at = self._engine.clock.monotonic()
            self._listening.begin()
            while not self._stopping.is_set() and self._election.stands:
                if self._engine.clock.monotonic() - bound_at >= BIND_EVERY_S:
                    topology.declare(channel)  # they are deleted together with the exchange
                    bound_at = self._engine.clock.monotonic()
                connection.process_data_events(time_limit=0 if self._deliveries else WAIT_S)
                if self._handle(channel):
                    self._stopping.wait(LINGER_S)
                self._listen()
        finally:
            if connection.is_open:
                connection.close()

    def _listen(self) -> None:
        """Write that agents are heard: at the beginning, and while one is waited for."""
        if topology.QUEUE not in self._queues:
            return
        span = self._listening.tell(self._engine.clock.monotonic())
        if span is not None and (not span or self._engine.store.read(steps.is_anybody_awaited)):
            self._engine.commit(partial(outside.listen, span=span))

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
            user, trace = properties.user_id, traceparent_of(properties)
            self._meter.arrived(queue)
            self._deliveries.append(
                Delivery(queue, method.delivery_tag, key, body, reason, user, traceparent=trace)
            )

        return receive

    def _handle(self, channel: BlockingChannel) -> bool:
        """Handle the deliveries; return whether they are so few that a moment's wait is worth it.

        Messages with an operation of their own are committed at once. Heartbeats, and messages that
        need no write, wait for such a commit, or until it is due.
        """
        batch, self._deliveries = self._deliveries[:BATCH], self._deliveries[BATCH:]
        pairs = [(each, op) for each in batch if (op := self._read(each)) is not None]
        self._unacknowledged += len(batch)
        self._tag = batch[-1].tag if batch else self._tag
        if pairs or self._is_commit_due():
            self._commit(pairs)
            failpoints.reach(Failpoint.ACCEPTED)
            channel.basic_ack(self._tag, multiple=True)
            failpoints.reach(Failpoint.TAKEN)
            self._meter.settled(self._unacknowledged)
            self._unacknowledged = 0
        elif tally := self._meter.take_late():
            self._engine.commit(lambda tx: counters.add(tx.session, tally))
        return 0 < len(batch) < FEW and sum(len(each.body) for each in batch) < SMALL

    def _is_commit_due(self) -> bool:
        waiting = self._unacknowledged
        return waiting >= MOST_UNACKNOWLEDGED or (
            waiting > 0 and self._engine.clock.monotonic() >= self._commit_due
        )

    def _commit(self, pairs: Sequence[tuple[Delivery, Operation]]) -> None:
        """Write the heartbeats first, for they may have waited, and then the messages."""
        operations: list[Operation] = []
        if beats := list(self._beats.values()):
            operations.append(lambda tx: intake.beat_all(tx, beats))
        if tally := self._meter.take():
            operations.append(lambda tx: counters.add(tx.session, tally))
        first = len(operations)
        outcomes = self._engine.commit_many([*operations, *(each for _, each in pairs)])
        for (delivery, _), outcome in zip(pairs, outcomes[first:], strict=True):
            self._settle(delivery, outcome)
        if beats and (error := outcomes[0]) is not None:
            self._write_each(beats, error)
        self._beats.clear()
        self._commit_due = self._engine.clock.monotonic() + COMMIT_EVERY_S

    def _write_each(self, beats: Sequence[Envelope], error: Exception) -> None:
        """Write one heartbeat at a time, since one of them made the batch fail."""
        if isinstance(error, StoreError):
            raise error
        operations = [partial(intake.beat, envelope=envelope) for envelope in beats]
        for envelope, outcome in zip(beats, self._engine.commit_many(operations), strict=True):
            if outcome is not None:
                sender = envelope.sender
                log.error("%s: a heartbeat of %s failed", self._name, sender, exc_info=outcome)

    def _settle(self, delivery: Delivery, outcome: Exception | None) -> None:
        """Go on after a message; one that failed becomes a dead letter, and is not redelivered."""
        if isinstance(outcome, StoreError):
            raise outcome
        if outcome is not None:
            self._engine.commit(self._door.fail(delivery, outcome))

    def _read(self, delivery: Delivery) -> Operation | None:
        """The operation for a message; None if it needs none of its own."""
        try:
            meaning = self._door.read(delivery)
        except Exception as error:  # noqa: BLE001 - the outermost frame of one message
            return self._door.fail(delivery, error)
        if isinstance(meaning, Envelope):
            self._keep_beat(meaning)
            return None
        return meaning

    def _keep_beat(self, envelope: Envelope) -> None:
        """Keep the newest heartbeat of an agent, with the fields that only an older one had."""
        older = self._beats.get(envelope.sender)
        if older is not None:
            payload = {**older.payload, **envelope.payload}
            envelope = envelope.model_copy(update={"payload": payload})
        self._beats[envelope.sender] = envelope


def death_of(properties: pika.BasicProperties) -> str:
    """Why RabbitMQ dead-lettered a message: `expired`, `maxlen` or `rejected`."""
    deaths = (properties.headers or {}).get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return plain(latest.get("reason", DEAD), LONGEST_KEY) if isinstance(latest, dict) else DEAD


def traceparent_of(properties: pika.BasicProperties) -> str | None:
    """The span of a message's publisher, if its header is a text."""
    found = (properties.headers or {}).get(HEADER)
    return found if isinstance(found, str) else None


def key_of(method: pika.spec.Basic.Deliver) -> str:
    """The routing key of a message; pika leaves one that is no UTF-8 as bytes."""
    key: str | bytes = method.routing_key
    return plain(key.decode(errors="replace") if isinstance(key, bytes) else key, LONGEST_KEY)
