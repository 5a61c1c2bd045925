"""Who may go next: slots for runs, room in queues for steps."""

import sys
from datetime import timedelta

from orchestration.circuit import CircuitState
from orchestration.decide import facts
from orchestration.engine import emergency, outside
from orchestration.engine.advance import advance
from orchestration.engine.transaction import Transaction
from orchestration.ports import Dispatch
from orchestration.store import attempts, circuits, queues, runs, steps, stops, workers
from orchestration.store.queues import Queue
from orchestration.store.steps import StepRow

BATCH = 64
MOST_OUTSIDE = 100
FIRST_RESEND = timedelta(seconds=10)
LONGEST_RESEND = timedelta(minutes=5)
QUEUED_PER_SLOT = 2
HEAD_START_S = 30.0  # in rank: half of what one step of priority is worth


def settle_queues(tx: Transaction) -> None:
    """End a transaction: give free slots to pending runs, and send what has room."""
    if tx.slot_freed:
        admit(tx)
    for queue in sorted(tx.queues):
        send_ready(tx, queue)
    tx.queues.clear()


def admit(tx: Transaction) -> None:
    """Start pending runs: those that need no slot, and as many others as slots are free."""
    scope = tx.rules.scope
    for run_id in runs.next_pending(tx.session, BATCH, needs_slot=False, scope=scope):
        if not emergency.forbids(tx, run_id):
            advance(tx, run_id, facts.Admitted())
    tx.slot_freed = False
    if stops.is_stopped(tx.session):
        return
    free = tx.rules.slots - runs.slots_taken(tx.session)
    while free > 0:
        wanted = min(free, BATCH)
        batch = runs.next_pending(tx.session, wanted, needs_slot=True, scope=scope)
        for run_id in batch:
            advance(tx, run_id, facts.Admitted())
        if len(batch) < wanted:
            break
        free = tx.rules.slots - runs.slots_taken(tx.session)
    tx.slot_freed = False


def send_ready(tx: Transaction, queue: str) -> None:
    """Send the first ready branches of a queue, as far as there is room."""
    scope = tx.rules.scope
    if not tx.rules.sends or not steps.is_any_ready(tx.session, queue):
        return
    room = room_in(tx, queue)
    if room <= 0:
        return
    stopped = stops.is_stopped(tx.session)
    ready = steps.ready(tx.session, queue, room, scope, system=stopped)
    known = queue in tx.rules.outside or {row.offer for row in ready} <= tx.rules.offers
    if not known:
        offers = live_offers(tx, queue)
        ready = steps.ready(tx.session, queue, room, scope, offers, system=stopped)
    for row in ready:
        send(tx, row, sends=0)


def send(tx: Transaction, row: StepRow, sends: int) -> None:
    """Let a message for a branch leave after the commit, and again if nobody claims it."""
    if row.agent in tx.rules.outside:
        outside.send(tx, row)
        return
    pause = min(FIRST_RESEND * 2 ** min(sends, 10), LONGEST_RESEND)
    steps.mark_sent(tx.session, row, tx.rules.me, tx.now + pause, sends)
    tx.outgoing.append(Dispatch(*(row.agent, *row.key, row.attempt + 1), alone=row.losses > 0))


def may_begin(tx: Transaction, row: StepRow) -> bool:
    """Whether nothing stands against a ready branch, and nothing that waits comes before it.

    Its run is at work, and has a head start: where every run that is a little older went first,
    nobody would ever go on under load.
    """
    found = queues.look(tx.session, row.agent)
    if found.paused or found.circuit is not CircuitState.CLOSED:
        return False
    if allowed(tx, row.agent, found) <= 0 or emergency.forbids(tx, row.run_id):
        return False
    served = sorted({offer.partition(".")[0] for offer in tx.rules.offers})
    return not queues.is_outranked(tx.session, row.rank - HEAD_START_S, row.agent, served)


def room_in(tx: Transaction, queue: str) -> int:
    """How many more branches of a queue may be sent.

    Twice the live slots may be sent and unclaimed; what an agent's limit allows is counted
    with what is running, so that a claim never has to be refused, and with what lost its claim
    but may still be at work.
    """
    found = queues.look(tx.session, queue)
    if found.paused or found.circuit is CircuitState.OPEN:
        return 0
    room = room_within(tx, queue, found)
    if found.circuit is CircuitState.HALF_OPEN and found.since is not None:
        return min(room, 1 - circuits.probes(tx.session, queue, found.since))
    return room


def room_within(tx: Transaction, queue: str, found: Queue) -> int:
    """How many more branches of a queue may be sent to an agent that is trusted."""
    if queue in tx.rules.outside:
        return (found.limit or MOST_OUTSIDE) - found.running
    return min(QUEUED_PER_SLOT * found.slots - found.queued, allowed(tx, queue, found))


def allowed(tx: Transaction, name: str, found: Queue) -> int:
    """How many more branches an agent's limit allows; where it has none, as many as one likes."""
    if found.limit is None:
        return sys.maxsize
    return found.limit - found.busy - attempts.acting_for(tx.session, name)


def live_offers(tx: Transaction, queue: str) -> list[str]:
    """Every `agent.action@version` of a queue that this or another live worker can do."""
    everyone = (worker.offers for worker in workers.present(tx.session))
    offers = tx.rules.offers.union(*everyone)
    return sorted(offer for offer in offers if offer.startswith(f"{queue}."))
