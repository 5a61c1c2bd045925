"""A queue in one query: its limits, its branches, and whether any may go on."""

from datetime import datetime
from typing import NamedTuple

from orchestration.circuit import CircuitState
from orchestration.ports import Session
from orchestration.store.times import moment

LOOK = (
    "SELECT a.max_concurrent, COALESCE(a.paused, 0), COALESCE(a.circuit, 'closed'),"
    " a.circuit_since,"
    " (SELECT COALESCE(SUM(slots), 0) FROM slots WHERE queue = q.name),"
    " (SELECT COUNT(*) FROM steps WHERE queue = q.name AND status = 'queued'),"
    " (SELECT COUNT(*) FROM steps WHERE queue = q.name AND status = 'running'),"
    " (SELECT MIN(rank) FROM steps WHERE queue = q.name AND status = 'ready'),"
    " (SELECT MIN(rank) FROM slots JOIN steps ON steps.queue = slots.queue"
    " WHERE slots.worker = q.me AND status = 'queued'),"
    " EXISTS (SELECT 1 FROM workers WHERE id = q.me AND left_at IS NULL),"
    " COALESCE((SELECT stopped FROM control WHERE id = 1), 0),"
    " COALESCE((SELECT transport FROM control WHERE id = 1), '')"
    " FROM (SELECT CAST(? AS TEXT) AS name, CAST(? AS TEXT) AS me) q"
    " LEFT JOIN agents a ON a.name = q.name"
)
CIRCUITS = {state.value: state for state in CircuitState}


class Queue(NamedTuple):
    """An agent's queue, as one worker sees it.

    Attributes:
        limit: How many steps the agent may run at once; None: any number.
        paused: Whether nothing is to be sent to it.
        since: When its circuit came to be open or half open.
        slots: How many steps the present workers can run at once.
        queued: Branches that are sent but unclaimed.
        running: Branches that are claimed.
        ready: The best rank of the branches that wait for room in it; None: there are none.
        sent: The best rank of the unclaimed branches in all queues that this worker serves.
        listed: Whether this worker is listed, so that others take over what it claims.
        stopped: Whether an emergency stop holds.
        transport: The transport of the store's workers; empty: it never had any.
    """

    limit: int | None
    paused: bool
    circuit: CircuitState
    since: datetime | None
    slots: int
    queued: int
    running: int
    ready: float | None
    sent: float | None
    listed: bool
    stopped: bool
    transport: str

    @property
    def busy(self) -> int:
        """Branches that are sent or claimed."""
        return self.queued + self.running

    @property
    def is_open(self) -> bool:
        """Whether its agent is not paused, and the agent's circuit is closed."""
        return not self.paused and self.circuit is CircuitState.CLOSED

    def outranks(self, rank: float) -> bool:
        """Whether a branch of better rank waits for room in it, or for a thread of this worker."""
        ready, sent = self.ready, self.sent
        return (ready is not None and ready < rank) or (sent is not None and sent < rank)


def look(session: Session, name: str, me: str = "") -> Queue:
    """A queue as it is now, for one worker; either may be unknown to the store."""
    row = session.all(LOOK, name, me)[0]
    limit, paused, circuit, since, slots, queued, running, ready, sent, *rest = row
    listed, stopped, transport = rest
    bounds = limit, bool(paused), CIRCUITS[circuit], moment(since), int(slots)
    return Queue(*bounds, queued, running, ready, sent, bool(listed), bool(stopped), transport)


def counts(session: Session) -> dict[str, dict[str, int]]:
    """For each queue how many branches are ready, queued and running."""
    sql = "SELECT queue, status, COUNT(*) FROM steps WHERE queue IS NOT NULL GROUP BY queue, status"
    found: dict[str, dict[str, int]] = {}
    for queue, status, count in session.all(sql):
        found.setdefault(queue, {"ready": 0, "queued": 0, "running": 0})[status] = count
    return found


def ready(session: Session) -> list[str]:
    """Queues that have something to send."""
    sql = "SELECT DISTINCT queue FROM steps WHERE queue IS NOT NULL AND status = 'ready'"
    return [row[0] for row in session.all(sql)]


def is_any_ready(session: Session, queue: str) -> bool:
    """Whether a branch waits for room in a queue."""
    sql = "SELECT 1 FROM steps WHERE queue = ? AND status = 'ready' LIMIT 1"
    return session.one(sql, queue) is not None
