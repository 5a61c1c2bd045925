"""How much room a queue has, and which branches may be sent to it or begin in it."""

from datetime import timedelta

from orchestration.circuit import CircuitState
from orchestration.engine import pace
from orchestration.engine.transaction import Transaction
from orchestration.store import attempts, circuits, control, queues, workers
from orchestration.store.queues import Queue
from orchestration.store.steps import StepRow

MOST_OUTSIDE = 100
FIRST_RESEND = timedelta(seconds=10)
LONGEST_RESEND = timedelta(minutes=5)
QUEUED_PER_SLOT = 2
HEAD_START_S = 30.0  # in rank: half of what one step of priority is worth


def look(tx: Transaction, queue: str) -> Queue:
    """A queue as this process sees it."""
    return queues.look(tx.session, queue, tx.rules.me)


def may_begin(tx: Transaction, row: StepRow, found: Queue) -> bool:
    """Whether a ready branch may begin now, and no waiting branch of its queue goes first.

    Its run is at work, and has a head start: if every slightly older run went first, no worker
    could ever go on with its own run under load.
    """
    if not found.is_open or found.outranks(row.rank - HEAD_START_S):
        return False
    return allowed(tx, row.agent, found) > 0


def room_in(tx: Transaction, queue: str, found: Queue) -> int:
    """How many more branches of a queue may be sent.

    Twice the live slots may be sent and unclaimed. An agent's limit counts sent branches as well
    as running ones, so that no claim has to be refused, and lost attempts still at work.
    By a broker nothing is sent to workers that have none: they send to themselves.
    """
    unheard = tx.rules.by_broker and found.transport == control.EMBEDDED
    if unheard or found.paused or found.circuit is CircuitState.OPEN:
        return 0
    room = room_within(tx, queue, found)
    if found.circuit is CircuitState.HALF_OPEN and found.since is not None:
        return min(room, 1 - circuits.probes(tx.session, queue, found.since))
    return room


def room_within(tx: Transaction, queue: str, found: Queue) -> int:
    """How many more branches of a queue may be sent while its circuit is closed."""
    if queue in tx.rules.outside:
        return min((found.limit or MOST_OUTSIDE) - found.running, pace.left(tx, queue))
    return min(QUEUED_PER_SLOT * found.slots - found.queued, allowed(tx, queue, found))


def allowed(tx: Transaction, name: str, found: Queue) -> int:
    """How many more branches an agent's limit and rate allow; without either, any number."""
    at_rate = pace.left(tx, name) - found.queued
    if found.limit is None:
        return at_rate
    return min(found.limit - found.busy - attempts.acting_for(tx.session, name), at_rate)


def live_offers(tx: Transaction, queue: str) -> list[str]:
    """Every `agent.action@version` of a queue that this or another live worker can do."""
    everyone = (worker.offers for worker in workers.present(tx.session))
    offers = tx.rules.offers.union(*everyone)
    return sorted(offer for offer in offers if offer.startswith(f"{queue}."))
