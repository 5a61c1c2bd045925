"""Ways to break the engine on purpose: the simulation is worth as much as it finds of them.

Each is a fault that a programmer could make in one place. A patch makes it for the time of a test;
the measure is how many seeds the simulation needs to find it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock, patch

from orchestration.decide import ANSWERS
from orchestration.decide.effects import Decision
from orchestration.decide.facts import Unresolvable
from orchestration.engine import Engine, claim, membership, sweep
from orchestration.engine.transaction import Transaction
from orchestration.liveness import SILENT_AFTER_S, Observer
from orchestration.ports import Session
from orchestration.runtime import ingress, notifier, sweeper
from orchestration.state import Run, StepStatus
from orchestration.store import (
    attempts,
    commands,
    outbox,
    retention,
    revival,
    runs,
    schedules,
    steps,
    undo,
    workers,
)
from orchestration.store.schedules import ScheduleRow
from orchestration.store.steps import StepRow

Mutant = Callable[[], AbstractContextManager[Any]]
MUTANTS: dict[str, Mutant] = {}


def mutant(make: Callable[[], Iterator[None]]) -> Mutant:
    """Register a mutant under its name."""
    found = contextmanager(make)
    MUTANTS[make.__name__.replace("_", " ")] = found
    return found


@mutant
def fence_dropped() -> Iterator[None]:
    """A completion is accepted whether or not its attempt still has the claim."""

    def is_mine(_tx: Transaction, row: StepRow, _attempt: int) -> bool:
        return row.status is StepStatus.RUNNING

    with patch.object(claim, "is_mine", is_mine):
        yield


@mutant
def publish_before_commit() -> Iterator[None]:
    """Messages leave from within the transaction."""
    attempt = Engine._attempt  # noqa: SLF001 - what is broken here

    def early(self: Engine, operation: Any) -> Any:
        inner = attempt(self, operation)

        def sending(session: Session) -> Any:
            value, outgoing, *rest = inner(session)
            if outgoing:
                self._transport.send(outgoing)
            return (value, [], *rest)

        return sending

    with patch.object(Engine, "_attempt", early):
        yield


@mutant
def acknowledged_before_commit() -> Iterator[None]:
    """The ingress acknowledges a batch that is not written yet."""
    commit, handle = ingress.Ingress._commit, ingress.Ingress._handle  # noqa: SLF001
    channels: list[Any] = []

    def handling(self: Any, channel: Any) -> bool:
        channels[:] = [channel]
        return handle(self, Mock())

    def committing(self: Any, pairs: Any) -> None:
        channels[0].basic_ack(self._tag, multiple=True)
        commit(self, pairs)

    with ExitStack() as stack:
        stack.enter_context(patch.object(ingress.Ingress, "_handle", handling))
        stack.enter_context(patch.object(ingress.Ingress, "_commit", committing))
        yield


@mutant
def outbox_row_deleted_before_the_confirm() -> Iterator[None]:
    """The outbox deletes a row once it is published, whether or not RabbitMQ has confirmed it."""
    tick = notifier.Notifier.tick

    def ticking(self: Any) -> None:
        tick(self)
        spoken = [(said.id, said.version) for said in self._unconfirmed.values()]
        self._engine.commit(lambda tx: outbox.said(tx.session, spoken))

    with patch.object(notifier.Notifier, "tick", ticking):
        yield


@mutant
def sweep_skipped() -> Iterator[None]:
    """No process acts on timers."""
    with patch.object(Engine, "fire_timers", lambda _self: 0):
        yield


@mutant
def lease_that_never_expires() -> Iterator[None]:
    """A silent worker keeps its claims."""
    with patch.object(Observer, "look", lambda *_: set()):
        yield


@mutant
def deduplication_without_the_sender() -> Iterator[None]:
    """A key that one sender has used counts as used for all senders."""

    def find(session: Session, _sender: str, key: str) -> commands.Seen | None:
        row = session.one("SELECT digest, run_id FROM commands WHERE key = ?", key)
        return None if row is None else commands.Seen(*row)

    with patch.object(commands, "find", find):
        yield


@mutant
def undo_in_the_wrong_order() -> Iterator[None]:
    """The step that was completed first is undone first."""
    undoable = undo.undoable

    def backwards(session: Session, run_id: str, names: list[str], limit: int) -> Any:
        return undoable(session, run_id, names, 1_000)[::-1][:limit]

    with patch.object(undo, "undoable", backwards):
        yield


@mutant
def timer_removed_too_early() -> Iterator[None]:
    """A claim clears the wake-up of its branch, as if nothing could go wrong from here."""
    take = steps.claim

    def taking(session: Session, row: StepRow, *more: Any) -> None:
        take(session, row, *more)
        steps.set_timer(session, row, None)

    with patch.object(steps, "claim", taking):
        yield


@mutant
def rows_never_sent_again() -> Iterator[None]:
    """A message that is lost stays lost."""
    fire = sweep.fire

    def firing(tx: Transaction, row: StepRow) -> None:
        if row.status is StepStatus.QUEUED and not sweep.must_have_begun(tx, row):
            steps.set_timer(tx.session, row, tx.now + timedelta(days=1))
        else:
            fire(tx, row)

    with patch.object(sweep, "fire", firing):
        yield


@mutant
def claims_not_reconciled() -> Iterator[None]:
    """A worker beats, but does not look for branches that it owns and does not hold."""
    with patch.object(membership, "reconcile", lambda *_: None):
        yield


@mutant
def undo_without_settling() -> Iterator[None]:
    """An undo begins though an attempt may still act."""
    with patch.object(attempts, "acting", lambda *_: []):
        yield


@mutant
def wall_clock_lease() -> Iterator[None]:
    """Silence is the time of day minus that of the last beat."""
    bury = sweeper.Sweeper.bury

    def burying(self: Any) -> None:
        now = self._engine.clock.now()
        present = self._engine.store.read(workers.present)
        for row in present:
            if (now - row.beat_at).total_seconds() > SILENT_AFTER_S:
                self._engine.take_over_silent(row)
        bury(self)

    with patch.object(sweeper.Sweeper, "bury", burying):
        yield


@mutant
def unlocked_run_row() -> Iterator[None]:
    """A run is read before the lock is taken: now and then another process has changed it since."""
    load = runs.load
    known: dict[str, Run] = {}
    turn = threading.local()

    def loading(session: Session, run_id: str) -> Run:
        stale, known[run_id] = known.get(run_id), load(session, run_id)
        turn.count = getattr(turn, "count", 0) + 1
        return stale if stale is not None and turn.count % 10 == 0 else known[run_id]

    with patch.object(runs, "load", loading):
        yield


@mutant
def restore_that_counts_on() -> Iterator[None]:
    """Attempts after a restore reuse the numbers of attempts that the restore dropped."""
    with patch.object(revival, "leap", lambda *_: None):
        yield


@mutant
def time_of_a_schedule_not_taken() -> Iterator[None]:
    """A scheduler that saw a schedule due starts it, even if another one just has."""
    fire = schedules.fire

    def firing(session: Session, row: ScheduleRow, next_at: datetime | None) -> bool:
        return fire(session, schedules.get(session, row.name), next_at) or True

    with patch.object(schedules, "fire", firing):
        yield


@mutant
def path_that_leads_nowhere_taken_for_done() -> Iterator[None]:
    """A step whose path leads nowhere never begins, and its run never ends."""
    with patch.dict(ANSWERS, {Unresolvable: lambda run, _fact: Decision(run)}):
        yield


@mutant
def forgotten_before_it_is_told() -> Iterator[None]:
    """Retention counts the kept runs, but does not ask whether requesters were told the end."""
    with patch.object(retention, "FINAL", "nothing"):
        yield
