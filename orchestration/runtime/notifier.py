"""The notifier: one elected thread that publishes the outbox on the exchange.

Each recipient has a lane. From each lane the notifier publishes a share of the oldest rows; a
recipient that refuses (its queue is full) is left alone for a while, and delays no other lane. A
message that is refused for good (it is too large) becomes a dead letter. A run's requester gets one
message at a time: the acknowledgement first, progress that never falls, and the final answer last.
A notice is composed from the store when it is sent, so superseded news is never sent. While the
ingress lags, the notifier waits: its messages come back to the queue that commands come by.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from orchestration import failpoints
from orchestration.bus.publisher import Letter, Refusal
from orchestration.engine import Engine, outside
from orchestration.engine.transaction import Transaction
from orchestration.errors import StoreError
from orchestration.failpoints import Failpoint
from orchestration.logs import about
from orchestration.messages import EXCHANGE, MessageType, compose
from orchestration.ports import Locks, Session
from orchestration.runtime.backoff import LONGEST_S, PAUSE_S, Backoff
from orchestration.runtime.echoes import Echoes
from orchestration.runtime.election import Election
from orchestration.runtime.refusals import alert, bury
from orchestration.runtime.rounds import Rounds
from orchestration.runtime.turns import Said, choose, routing_key_of, said_of
from orchestration.state import RunStatus
from orchestration.store import outbox, traces
from orchestration.store.outbox import OutboxRow
from orchestration.traces import HEADER, tracer
from orchestration.views import workflow

log = logging.getLogger("rabbitmq_orchestration")

T = TypeVar("T")

TICK_S, QUIET_TICK_S = 0.05, 0.2
QUIET_AFTER = 40  # ticks with an empty outbox
LINGER_S = 0.01
ELECTION_S = 1.0
MOST_UNCONFIRMED = 1_000
MOST_LANES = 100
SHARE = 200
ELECTED = "notifier"


class Post(Protocol):
    """Publishes letters."""

    def publish(self, letters: Sequence[Letter]) -> None:
        """Publish soon, without waiting and without raising."""
        ...

    def look(self, queue: str, tell: Callable[[int], None]) -> bool:
        """Ask how many messages wait in a queue; False if nothing can be asked now."""
        ...

    def close(self) -> None:
        """Wait a little for what is under way, and disconnect."""
        ...


MakePost = Callable[[Callable[[Sequence[Any]], None], Callable[[Sequence[Refusal]], None]], Post]


class Notifier:
    """Publishes the outbox, in the one worker that is elected.

    Args:
        engine: Where the outbox is.
        locks: By which the worker is elected.
        post: Makes the publisher, from a callback for confirmed tags and one for refusals.
    """

    def __init__(self, engine: Engine, locks: Locks, post: MakePost) -> None:
        self._engine = engine
        self._election = Election(locks, ELECTED)
        self._heard: SimpleQueue[Said] = SimpleQueue()
        self._refused: SimpleQueue[Refusal] = SimpleQueue()
        self._came = threading.Event()
        self._publisher = post(self._hear, self._take_back)
        self._echoes = Echoes(self._publisher.look)
        self._backoff = Backoff(engine.clock.monotonic)
        self._last_lane = ""
        self._unconfirmed: dict[int, Said] = {}
        self._confirmed: list[Said] = []
        self._dead: list[Refusal] = []
        self._quiet_ticks = 0
        self._pause_s = ELECTION_S
        self._rounds = Rounds(ELECTED, self._serve, self._rest)

    @property
    def is_dead(self) -> bool:
        """Whether its thread has ended without being asked to."""
        return self._rounds.is_dead

    def start(self) -> None:
        """Begin to publish, once elected."""
        self._rounds.start()

    def stop(self) -> None:
        """End; another worker publishes again what is not confirmed."""
        self._rounds.stopping.set()
        self._came.set()
        self._rounds.stop()
        self._publisher.close()
        self._election.resign()

    def _serve(self) -> None:
        self._pause_s = ELECTION_S
        if self._election.won():
            self.tick()
            self._pause_s = TICK_S if self._quiet_ticks < QUIET_AFTER else QUIET_TICK_S
        else:
            self.settle()

    def _rest(self, stopping: threading.Event) -> None:
        """Wait for a confirmation or a refusal, or until the next look at the outbox."""
        self._came.wait(self._pause_s)
        self._came.clear()
        stopping.wait(LINGER_S)

    def tick(self) -> None:
        """Delete confirmed rows, back off from lanes that refused, and publish the next rows."""
        self.settle()
        if self._engine.store.read(outbox.is_empty):
            self._quiet_ticks += 1
            return
        self._quiet_ticks = 0
        letters = []
        for row, body in self._engine.store.read(self._next):
            said = self._unconfirmed[row.id] = said_of(row)
            if body is None:
                self._heard.put(said)
                continue
            log.debug("saying %s", routing_key_of(row))
            headers = self._headers(row)
            letters.append(
                Letter(EXCHANGE, routing_key_of(row), body.encode(), said, headers=headers)
            )
        if letters:
            self._echoes.say(len(letters))
            self._publisher.publish(letters)

    def _headers(self, row: OutboxRow) -> dict[str, str] | None:
        """The headers that let an outside agent take part in a run's trace."""
        if row.run_id is None or not tracer().on:
            return None
        run_id = row.run_id
        trace = self._engine.store.read(lambda s: traces.of_run(s, run_id))
        return None if trace is None else {HEADER: trace.own}

    def settle(self) -> None:
        """Write confirmations and refusals, so that no worker repeats them, then forget them."""
        self._confirmed += drained(self._heard)
        refusals = drained(self._refused)
        self._dead += [each for each in refusals if each.for_good]
        refusing = [each for each in refusals if not each.for_good and self._step_back(each)]
        if self._confirmed or self._dead:
            failpoints.reach(Failpoint.FORGETTING)
            self._engine.commit(self._forget)
        for said in (*self._confirmed, *(each.letter.tag for each in self._dead)):
            self._unconfirmed.pop(said.id, None)
            if self._backoff.take(said.lane):
                log.info("notifier: %s takes messages again", said.lane)
        self._confirmed, self._dead = [], []
        if refusing:
            self._engine.commit(lambda tx: alert(tx, refusing))

    def _forget(self, tx: Transaction) -> None:
        dead = [each.letter.tag for each in self._dead]
        outbox.said(tx.session, [(said.id, said.version) for said in (*self._confirmed, *dead)])
        for said in (*self._confirmed, *dead):
            outside.sent(tx, said.topic)
        for refusal in self._dead:
            bury(tx, refusal)

    def _step_back(self, refusal: Refusal) -> bool:
        """Back off from a lane that refused; return whether its pause has become the longest."""
        said: Said = refusal.letter.tag
        del self._unconfirmed[said.id]
        is_urgent = said.lane == said.turn
        rest = self._backoff.refuse(said.lane, PAUSE_S if is_urgent else LONGEST_S)
        if rest is not None and rest.refusals == 1:
            log.warning("notifier: %s, trying again: %s", said.lane, refusal.reason)
        return rest is not None and rest.pause_s == LONGEST_S

    def _next(self, session: Session) -> list[tuple[OutboxRow, str | None]]:
        """The rows to publish now, each with its text; None where it is no longer true."""
        under_way = self._unconfirmed.values()
        free = MOST_UNCONFIRMED - len(under_way)
        urgent = outbox.urgent(session, MOST_UNCONFIRMED)
        first = choose((r for r in urgent if self._backoff.share(r.lane, 1)), under_way)[:free]
        rest = choose(self._shares(session), [*under_way, *map(said_of, first)])
        if rest:
            room = min(free - len(first), self._echoes.room(len(under_way)))
            rest = rest[:room]
        return [found for row in (*first, *rest) if (found := self._written(session, row))]

    def _shares(self, session: Session) -> Iterable[OutboxRow]:
        """The oldest rows of `MOST_LANES` lanes, in turn; the next call takes the lanes after."""
        names = outbox.lanes(session, self._last_lane, MOST_LANES)
        self._last_lane = names[-1] if len(names) == MOST_LANES else ""
        each = min(SHARE, MOST_UNCONFIRMED // max(1, len(names)))
        shares = {name: self._backoff.share(name, each) for name in names}
        rows = [outbox.first_of(session, name, share) for name, share in shares.items() if share]
        return (row for abreast in zip_longest(*rows) for row in abreast if row is not None)

    def _written(self, session: Session, row: OutboxRow) -> tuple[OutboxRow, str | None] | None:
        """A row with its text; if composing it fails, only its lane must wait."""
        try:
            return row, row.body if row.body is not None else self._notice(session, row)
        except StoreError:
            raise
        except Exception:  # the outermost frame of one row
            with about(workflow_id=row.run_id):
                log.exception("notifier: a bug: nothing can be said about run %s", row.run_id)
            self._backoff.refuse(row.lane)
            return None

    def _notice(self, session: Session, row: OutboxRow) -> str | None:
        """The text of a notice; None where it is no longer true: the run goes on again."""
        run_id, what = str(row.run_id), row.topic.partition(":")[0]
        told = workflow.told(session, run_id)
        if what == outbox.FINAL:
            kind, payload = MessageType.RESPONSE, workflow.final(session, run_id)
            if not RunStatus(payload["status"]).ended:
                return None
        else:
            update = {
                **told.progress,
                "timestamp": self._engine.clock.now().isoformat(),
            }
            kind, payload = MessageType.STATUS_UPDATE, {"progress_update": update}
        return compose(
            f"{run_id}:{row.id}.{row.version}",
            kind,
            row.routing_key,
            payload,
            at=self._engine.clock.now(),
            correlation_id=told.correlation_id,
        )

    def _hear(self, tags: Sequence[Any]) -> None:
        for tag in tags:
            self._heard.put(tag)
        self._came.set()

    def _take_back(self, refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            self._refused.put(refusal)
        self._came.set()


def drained(queue: SimpleQueue[T]) -> list[T]:
    """All that is in a queue now."""
    found = []
    while True:
        try:
            found.append(queue.get_nowait())
        except Empty:
            return found
