"""Which runs and steps may go next: slots for runs, room in queues for steps."""

from orchestration.decide import facts
from orchestration.engine import outside, pace
from orchestration.engine.advance import advance
from orchestration.engine.room import FIRST_RESEND, LONGEST_RESEND, live_offers, look, room_in
from orchestration.engine.transaction import Transaction
from orchestration.ports import Dispatch
from orchestration.store import queues, sending, slot_queue
from orchestration.store.steps import StepRow

BATCH = 64


def fill_queues(tx: Transaction) -> None:
    """End a transaction: give free slots to pending runs, and send steps that have room."""
    if tx.slot_freed:
        admit(tx)
    for queue in sorted(tx.queues):
        send_ready(tx, queue)
    tx.queues.clear()


def admit(tx: Transaction) -> None:
    """Start pending runs: those that need no slot, and as many others as slots are free.

    A process that works for one run only starts it in any case: it waits for nobody else's slot.
    """
    tx.slot_freed = False
    seen, scope = slot_queue.look(tx.session), tx.rules.scope
    if seen.without:
        for run in slot_queue.next_pending(tx.session, BATCH, needs_slot=False, scope=scope):
            if not seen.stopped or run.system:
                advance(tx, run, facts.Admitted())
    free = 0
    if seen.for_slots and not seen.stopped:
        free = tx.rules.slots - seen.taken if scope is None else 1
    while free > 0:
        wanted = min(free, BATCH)
        batch = slot_queue.next_pending(tx.session, wanted, needs_slot=True, scope=scope)
        for run in batch:
            advance(tx, run, facts.Admitted())
        if len(batch) < wanted:
            break
        free = tx.rules.slots - slot_queue.slots_taken(tx.session)
    tx.slot_freed = False


def send_ready(tx: Transaction, queue: str) -> None:
    """Send the first ready branches of a queue, as far as there is room."""
    scope = tx.rules.scope
    if not tx.rules.sends or not queues.is_any_ready(tx.session, queue):
        return
    found = look(tx, queue)
    room = room_in(tx, queue, found)
    if room <= 0:
        pace.wait(tx, queue)
        return
    ready = sending.ready(tx.session, queue, room, scope, system=found.stopped)
    known = queue in tx.rules.outside or {row.offer for row in ready} <= tx.rules.offers
    if not known:
        offers = live_offers(tx, queue)
        ready = sending.ready(tx.session, queue, room, scope, offers, system=found.stopped)
    for row in ready:
        send(tx, row, sends=0)


def send(tx: Transaction, row: StepRow, sends: int) -> None:
    """Send a branch's message after the commit, and again if no worker claims it."""
    if row.agent in tx.rules.outside:
        outside.send(tx, row)
        return
    pause = min(FIRST_RESEND * 2 ** min(sends, 10), LONGEST_RESEND)
    sending.mark_sent(tx.session, row, tx.rules.me, tx.now + pause, sends)
    tx.outgoing.append(Dispatch(*(row.agent, *row.key, row.attempt + 1), alone=row.losses > 0))
