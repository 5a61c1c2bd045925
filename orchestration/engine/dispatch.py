"""Who may go next: slots for runs, room in queues for steps."""

from datetime import timedelta

from orchestration.circuit import CircuitState
from orchestration.decide import facts
from orchestration.engine import emergency, outside
from orchestration.engine.advance import advance
from orchestration.engine.transaction import Transaction
from orchestration.ports import Dispatch
from orchestration.store import agents, attempts, circuits, runs, steps, stops, workers
from orchestration.store.steps import StepRow

BATCH = 64
MOST_OUTSIDE = 100
FIRST_RESEND = timedelta(seconds=10)
LONGEST_RESEND = timedelta(minutes=5)
QUEUED_PER_SLOT = 2


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
        batch = runs.next_pending(tx.session, min(free, BATCH), needs_slot=True, scope=scope)
        for run_id in batch:
            advance(tx, run_id, facts.Admitted())
        if not batch:
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


def room_in(tx: Transaction, queue: str) -> int:
    """How many more branches of a queue may be sent.

    Twice the live slots may be sent and unclaimed; what an agent's limit allows is counted
    with what is running, so that a claim never has to be refused, and with what lost its claim
    but may still be at work.
    """
    limits = agents.limits(tx.session, queue)
    if limits.paused or limits.circuit is CircuitState.OPEN:
        return 0
    room = room_within(tx, queue, limits.at_once)
    if limits.circuit is CircuitState.HALF_OPEN and limits.since is not None:
        return min(room, 1 - circuits.probes(tx.session, queue, limits.since))
    return room


def room_within(tx: Transaction, queue: str, limit: int | None) -> int:
    """How many more branches of a queue may be sent to an agent that is trusted."""
    queued, running = steps.in_queue(tx.session, queue)
    if queue in tx.rules.outside:
        return (limit or MOST_OUTSIDE) - running
    room = QUEUED_PER_SLOT * workers.slots(tx.session, queue) - queued
    if limit is None:
        return room
    acting = attempts.acting_for(tx.session, queue)
    return min(room, limit - queued - running - acting)


def live_offers(tx: Transaction, queue: str) -> list[str]:
    """Every `agent.action@version` of a queue that this or another live worker can do."""
    everyone = (worker.offers for worker in workers.present(tx.session))
    offers = tx.rules.offers.union(*everyone)
    return sorted(offer for offer in offers if offer.startswith(f"{queue}."))
