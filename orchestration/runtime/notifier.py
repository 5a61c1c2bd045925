"""The notifier: one elected thread that says on the exchange what stands in the outbox.

For each run one message at a time is unconfirmed, so its requester gets the acknowledgement
first, progress that never falls, and the final answer last. What is said about a run is read from
the store when it is said, so what is superseded is never sent. While the ingress lags, it waits:
what it says comes back to the queue that commands come by.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from orchestration.bus.publisher import Letter
from orchestration.engine import Engine
from orchestration.errors import StoreError
from orchestration.messages import EXCHANGE, MessageType, compose, routing_key
from orchestration.ports import Locks, Session
from orchestration.runtime.echoes import Echoes
from orchestration.runtime.election import Election
from orchestration.state import RunStatus
from orchestration.store import outbox
from orchestration.store.outbox import OutboxRow
from orchestration.views import workflow

log = logging.getLogger("rabbitmq_orchestration")

TICK_S = 0.05
ELECTION_S = 1.0
MOST_UNCONFIRMED = 1_000
ELECTED = "notifier"

Spoken = tuple[int, int]


class Post(Protocol):
    """The way letters leave."""

    def publish(self, letters: Sequence[Letter]) -> None:
        """Publish soon, without waiting and without raising."""
        ...

    def look(self, queue: str, tell: Callable[[int], None]) -> bool:
        """Ask how many messages wait in a queue; False if nothing can be asked now."""
        ...

    def close(self) -> None:
        """Wait a little for what is under way, and disconnect."""
        ...


class Notifier:
    """Publishes the outbox, in the one worker that is elected.

    Args:
        engine: Where the outbox is.
        locks: By which one is elected.
        post: Makes what publishes, of who is to be told what is confirmed.
    """

    def __init__(
        self,
        engine: Engine,
        locks: Locks,
        post: Callable[[Callable[[Sequence[Any]], None]], Post],
    ) -> None:
        self._engine = engine
        self._election = Election(locks, ELECTED)
        self._publisher = post(self._confirmed)
        self._echoes = Echoes(self._publisher.look)
        self._heard: SimpleQueue[Spoken] = SimpleQueue()
        self._unconfirmed: dict[int, str | None] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="notifier", daemon=True)

    def start(self) -> None:
        """Begin to speak, once elected."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not confirmed is said again by somebody else."""
        self._stopping.set()
        self._thread.join()
        self._publisher.close()
        self._election.resign()

    def _serve(self) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            pause_s = ELECTION_S
            try:
                if self._election.won():
                    pause_s = TICK_S
                    self.tick()
                else:
                    self.settle()
            except StoreError as error:
                log.warning("notifier: the store is away, trying again: %s", error)

    def tick(self) -> None:
        """Forget what is confirmed, and say what came up."""
        self.settle()
        if letters := self._engine.store.read(self._letters):
            self._echoes.say(len(letters))
            self._publisher.publish(letters)

    def settle(self) -> None:
        """Forget what is confirmed: what we said is not said again, by us or by others."""
        if spoken := self._drain():
            self._engine.store.write(lambda s: outbox.said(s, spoken))
            for id_, _ in spoken:
                self._unconfirmed.pop(id_, None)

    def _letters(self, session: Session) -> list[Letter]:
        first = outbox.urgent(session, MOST_UNCONFIRMED)
        rest = outbox.after(session, 0, MOST_UNCONFIRMED)
        if all(row.id in self._unconfirmed for row in (*first, *rest)):
            return []
        room = self._echoes.room(len(self._unconfirmed))
        letters: list[Letter] = []
        busy = {run_id for run_id in self._unconfirmed.values() if run_id}
        for number, row in enumerate((*first, *rest)):
            if row.id in self._unconfirmed or row.run_id in busy:
                continue
            if number >= len(first) and len(letters) >= room:
                break
            self._unconfirmed[row.id] = row.run_id
            if row.run_id:
                busy.add(row.run_id)
            tag = (row.id, row.version)
            body = row.body if row.body is not None else self._notice(session, row)
            if body is None:
                self._heard.put(tag)
                continue
            log.debug("saying %s", routing_key_of(row))
            letters.append(Letter(EXCHANGE, routing_key_of(row), body.encode(), tag))
        return letters

    def _notice(self, session: Session, row: OutboxRow) -> str | None:
        """What a requester is told; None where that is no longer true: the run goes on again."""
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

    def _drain(self) -> list[Spoken]:
        spoken = []
        while True:
            try:
                spoken.append(self._heard.get_nowait())
            except Empty:
                return spoken

    def _confirmed(self, tags: Sequence[Any]) -> None:
        for tag in tags:
            self._heard.put(tag)


def routing_key_of(row: OutboxRow) -> str:
    """Where a row goes: a notice's key is its recipient, a letter's stands in it."""
    if row.kind == outbox.LETTER:
        return row.routing_key
    what = row.topic.partition(":")[0]
    kind = MessageType.RESPONSE if what == outbox.FINAL else MessageType.STATUS_UPDATE
    return routing_key(kind, row.routing_key)
