"""A queue at one look: what bounds it, and what is in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.circuit import CircuitState
from orchestration.ports import Session
from orchestration.store.times import moment

LOOK = (
    "SELECT a.max_concurrent, COALESCE(a.paused, 0), COALESCE(a.circuit, 'closed'),"
    " a.circuit_since,"
    " (SELECT COALESCE(SUM(slots), 0) FROM slots WHERE queue = q.name),"
    " (SELECT COUNT(*) FROM steps WHERE queue = q.name AND status = 'queued'),"
    " (SELECT COUNT(*) FROM steps WHERE queue = q.name AND status = 'running')"
    " FROM (SELECT CAST(? AS TEXT) AS name) q LEFT JOIN agents a ON a.name = q.name"
)


@dataclass(frozen=True, slots=True)
class Queue:
    """An agent's queue.

    Attributes:
        limit: How many steps the agent may run at once; None: any number.
        paused: Whether nothing is to be sent to it.
        since: When its circuit came to be open or half open.
        slots: How many steps the present workers can run at once.
        queued: Branches that are sent but unclaimed.
        running: Branches that are claimed.
    """

    limit: int | None
    paused: bool
    circuit: CircuitState
    since: datetime | None
    slots: int
    queued: int
    running: int

    @property
    def busy(self) -> int:
        """Branches that are sent or claimed."""
        return self.queued + self.running


def look(session: Session, name: str) -> Queue:
    """A queue as it is now; nobody need have heard of it."""
    limit, paused, circuit, since, *counts = session.all(LOOK, name)[0]
    return Queue(limit, bool(paused), CircuitState(circuit), moment(since), *map(int, counts))


def is_outranked(session: Session, rank: float, entered: str, served: Sequence[str]) -> bool:
    """Whether a branch of better rank waits to be sent to a queue, or to be taken from others.

    Args:
        session: Any session.
        rank: The rank that is compared with.
        entered: Where a branch that is only ready counts.
        served: Where what was sent counts.
    """
    marks = ", ".join("?" * len(served))
    waiting = "SELECT 1 FROM steps WHERE status = '{}' AND rank < ? AND queue"
    sql = f"{waiting.format('queued')} IN ({marks}) UNION ALL {waiting.format('ready')} = ? LIMIT 1"
    return session.one(sql, rank, *served, rank, entered) is not None
