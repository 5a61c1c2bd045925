"""How a new branch begins: claimed by its opener, sent at once, or ready until there is room.

Its row is written once, in the status with which it begins. If one look at the queue does not
settle which, it is left ready, and the end of the transaction sends it like all that wait.
"""

from collections.abc import Sequence

from orchestration.engine import pace, room
from orchestration.engine.transaction import Transaction
from orchestration.plans import UNDO
from orchestration.ports import Dispatch
from orchestration.state import Run, StepStatus
from orchestration.store import steps
from orchestration.store.queues import Queue
from orchestration.store.steps import StepRow


def take_first(tx: Transaction, run: Run) -> StepRow | None:
    """Claim one of the branches just opened for this worker, unless a waiting branch goes first.

    It saves a message and a transaction, and is no privilege: a branch of better rank that waits
    for a thread of this worker, or for room in that queue, goes first. A branch whose agent is
    paused or at its limit, one for another kind of worker, and any during an emergency stop
    is not claimed.
    """
    for row in tx.opened:
        if row.offer not in tx.rules.offers or row.agent in tx.rules.outside:
            continue
        found = room.look(tx, row.agent)
        held_up = found.stopped and not run.system
        if found.listed and not held_up and room.may_begin(tx, row, found):
            tx.opened.remove(row)
            steps.insert(tx.session, claimed(tx, run, row))
            if found.ready is None:
                tx.queues.discard(row.agent)
            return row
    return None


def claimed(tx: Transaction, run: Run, row: StepRow) -> StepRow:
    """A branch with its next attempt claimed by this worker, counted against the agent's rate."""
    pace.begin(tx, row.agent)
    target = run.plan.step[row.step.removeprefix(UNDO)]
    return row._replace(
        status=StepStatus.RUNNING,
        owner=tx.rules.me,
        worker=tx.rules.me,
        attempt=row.attempt + 1,
        claimed_at=tx.now,
        due_at=tx.now + min(target.timeout, target.progress_timeout or target.timeout),
        deadline=tx.now + target.timeout,
    )


def begin(tx: Transaction, run: Run) -> None:
    """Write every other branch just opened: as sent while there is room, then as ready."""
    by_queue: dict[str, list[StepRow]] = {}
    for row in tx.opened:
        by_queue.setdefault(row.agent, []).append(row)
    tx.opened.clear()
    for queue, rows in by_queue.items():
        begin_in(tx, run, queue, rows)


def write(tx: Transaction) -> None:
    """Write every branch just opened as ready: an effect is about to move it."""
    for row in tx.opened:
        steps.insert(tx.session, row)
        tx.queues.add(row.agent)
    tx.opened.clear()


def begin_in(tx: Transaction, run: Run, queue: str, rows: Sequence[StepRow]) -> None:
    """Write new branches of one queue; if no other waits there, the first are sent at once."""
    found = room.look(tx, queue)
    at_once = can_be_sent(tx, run, rows, found)
    free = max(room.room_in(tx, queue, found), 0) if at_once else 0
    for row in rows[:free]:
        steps.insert(tx.session, sent(tx, row))
        tx.outgoing.append(Dispatch(row.agent, *row.key, row.attempt + 1))
    for row in rows[free:]:
        steps.insert(tx.session, row)
    if at_once:
        tx.queues.discard(queue)
        pace.wait(tx, queue)
    else:
        tx.queues.add(queue)


def can_be_sent(tx: Transaction, run: Run, rows: Sequence[StepRow], found: Queue) -> bool:
    """Whether new branches are the first in line, and this process may send them."""
    rules = tx.rules
    if not rules.sends or found.ready is not None or rows[0].agent in rules.outside:
        return False
    if (found.stopped and not run.system) or rules.scope not in (None, run.id):
        return False
    known = rules.offers
    if any(row.offer not in known for row in rows):
        known = known.union(room.live_offers(tx, rows[0].agent))
    return all(row.offer in known for row in rows)


def sent(tx: Transaction, row: StepRow) -> StepRow:
    """A branch as queued: its message leaves after this commit."""
    again_at = tx.now + room.FIRST_RESEND
    due_at = again_at if row.deadline is None else min(again_at, row.deadline)
    return row._replace(status=StepStatus.QUEUED, owner=tx.rules.me, due_at=due_at)
