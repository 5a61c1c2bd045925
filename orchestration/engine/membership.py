"""Workers join, beat, drain and depart."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from orchestration.definitions import App
from orchestration.engine import emergency
from orchestration.engine.claim import give_up, hand_over
from orchestration.engine.transaction import Transaction
from orchestration.errors import StoreInUseError
from orchestration.store import agents, attempts, control, sending, steps, timers, workers
from orchestration.store.steps import Held, Key
from orchestration.store.workers import NewWorker, WorkerRow


def join(tx: Transaction, worker: NewWorker, app: App, dead: frozenset[str]) -> None:
    """Register a worker and its agents, and send the branches that wait for it.

    If no other worker is present, messages sent before may be lost: they are sent again, and
    timeouts do not count the time without any worker.

    Raises:
        StoreInUseError: Live workers use this store with another transport.
    """
    present = [row for row in workers.present(tx.session) if row.id not in dead]
    if strangers := [row for row in present if row.transport != worker.transport]:
        first = strangers[0]
        raise StoreInUseError(
            f"this store is in use by {first.host}:{first.pid} on {first.transport}, this process"
            f" is on {worker.transport}: stop that one, or give both the same RABBITMQ_URL"
        )
    control.set_transport(tx.session, worker.transport)
    if not present:
        sending.resend(tx.session, tx.now)
        timers.excuse(tx.session, workers.last_beat(tx.session), tx.now)
    workers.join(tx.session, worker, tx.now)
    for queue in worker.slots:
        if agent := app.agent.get(queue):
            about = (agent.max_concurrent, agent.capabilities, agent.depends_on)
            agents.declare(tx.session, queue, *about)
            agents.beat(tx.session, queue, "running", {}, tx.now)
    tx.queues.update(worker.slots)


def beat(
    tx: Transaction,
    worker: NewWorker,
    held: Callable[[], frozenset[Held]],
    metrics: Mapping[str, Any],
) -> bool:
    """Write a beat, and hand over attempts that the worker owns in the store but not in memory.

    `held` is called inside the transaction: an attempt claimed before it is in memory by then.
    """
    if not workers.beat(tx.session, worker.id, tx.now):
        return False
    if workers.restore(tx.session, worker):
        tx.queues.update(worker.slots)
    for queue in worker.slots:
        if metrics:
            agents.beat(tx.session, queue, "running", metrics, tx.now)
    reconcile(tx, worker.id, held())
    emergency.acknowledge(tx, worker.id)
    return True


def reconcile(tx: Transaction, worker: str, held: frozenset[Held]) -> None:
    """Hand over every attempt that a worker owns in the store but not in memory."""
    for key, attempt in steps.held_by(tx.session, worker):
        if (key, attempt) not in held:
            tx.contain(key[0], partial(give_back, tx, key), f"handing over of {key}")
    for key, attempt in attempts.held_by(tx.session, worker):
        if (key, attempt) not in held:
            tx.contain(key[0], partial(give_up, tx, key, attempt), f"settling of {key}")


def give_back(tx: Transaction, key: Key) -> None:
    """Hand over the attempt at one branch."""
    if (row := steps.get(tx.session, *key)) is not None:
        hand_over(tx, row)


def note_still(tx: Transaction, stillness: Sequence[tuple[WorkerRow, float]]) -> None:
    """Write for how many seconds workers have not beaten since their rows were read."""
    for worker, seconds in stillness:
        workers.note_still(tx.session, worker, seconds)


def drain(tx: Transaction, worker: str) -> None:
    """Send nothing more for this worker's slots."""
    workers.drain(tx.session, worker)


def depart(tx: Transaction, worker: str) -> None:
    """Remove a worker in good order; its unfinished attempts are handed over to other workers."""
    reconcile(tx, worker, frozenset())
    tx.queues.clear()
    workers.leave(tx.session, worker, tx.now)
