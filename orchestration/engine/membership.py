"""Workers come, beat and go."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestration.definitions import App
from orchestration.engine import emergency
from orchestration.engine.claim import Held, give_up, hand_over
from orchestration.engine.transaction import Transaction
from orchestration.errors import StoreInUseError
from orchestration.state import StepStatus
from orchestration.store import agents, attempts, control, sending, steps, timers, workers
from orchestration.store.workers import NewWorker


def join(tx: Transaction, worker: NewWorker, app: App, dead: frozenset[str]) -> None:
    """Register a worker and its agents, and send what waits for it.

    Where it is the first, nobody knows what became of messages sent before: they are sent again.
    Runs are not blamed for the time in which nobody worked.

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
    """Count a beat, and put right what this worker owns in the store but not in memory.

    The memory is asked inside the transaction: what was claimed before it is in memory by then.
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
    """Let go of every attempt that a worker has in the store but not in memory."""
    for row in steps.owned_by(tx.session, worker, None):
        if row.status is StepStatus.RUNNING and (row.key, row.attempt) not in held:
            hand_over(tx, row)
    for key, attempt in attempts.held_by(tx.session, worker):
        if (key, attempt) not in held:
            give_up(tx, key, attempt)


def drain(tx: Transaction, worker: str) -> None:
    """Take nothing new: no more is sent for this worker's slots."""
    workers.drain(tx.session, worker)


def depart(tx: Transaction, worker: str) -> None:
    """Go in good order; what was never finished is handed over, for others to send."""
    reconcile(tx, worker, frozenset())
    tx.queues.clear()
    workers.leave(tx.session, worker, tx.now)
