"""The queue of runs: which runs wait for a slot, in which order, and which hold one."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.state import Run
from orchestration.store import runs
from orchestration.store.times import moment

HEAD = 0.0
TAKEN = "SELECT COUNT(*) FROM runs WHERE status = 'running' AND needs_slot = 1"
WAITS = "EXISTS (SELECT 1 FROM runs WHERE status = 'pending' AND needs_slot = {})"
LOOK = (
    f"SELECT {WAITS.format(1)}, {WAITS.format(0)}, ({TAKEN}),"
    " COALESCE((SELECT stopped FROM control WHERE id = 1), 0)"
)
PENDING = (
    f"SELECT {runs.DECIDING} FROM runs r WHERE status = 'pending' AND needs_slot = ?"
    " AND (CAST(? AS TEXT) IS NULL OR id = ?) ORDER BY rank, id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class SlotQueue:
    """The state of the queue at one look.

    Attributes:
        for_slots: Whether any run waits for a slot.
        without: Whether any run waits that needs no slot.
        taken: How many runs hold a slot.
        stopped: Whether an emergency stop holds.
    """

    for_slots: bool
    without: bool
    taken: int
    stopped: bool


def look(session: Session) -> SlotQueue:
    """Whether any run waits, with or without need of a slot, and whether runs may start."""
    ((for_slots, without, taken, stopped),) = session.all(LOOK)
    return SlotQueue(bool(for_slots), bool(without), int(taken), bool(stopped))


def slots_taken(session: Session) -> int:
    """How many runs hold a slot, counted from their states."""
    row = session.one(TAKEN)
    return int(row[0]) if row else 0


def slot_holders(session: Session) -> list[str]:
    """The runs that hold a slot, the one that has held it longest first."""
    held = "status = 'running' AND needs_slot = 1"
    sql = f"SELECT id FROM runs WHERE {held} ORDER BY running_since, id"
    return [row[0] for row in session.all(sql)]


def next_pending(session: Session, limit: int, *, needs_slot: bool, scope: str | None) -> list[Run]:
    """The pending runs whose turn it is, in order."""
    rows = session.all(PENDING, int(needs_slot), scope, scope, limit)
    return [runs.deciding(session, row) for row in rows]


def move_to_head(session: Session, run_id: str) -> None:
    """Let a pending run be the next to get a slot."""
    session.run("UPDATE runs SET rank = ? WHERE id = ?", HEAD, run_id)


def pending_of(session: Session, sender: str) -> int:
    """How many runs of a sender wait for their first slot."""
    row = session.one("SELECT COUNT(*) FROM runs WHERE status = 'pending' AND sender = ?", sender)
    return int(row[0]) if row else 0


def oldest_pending(session: Session) -> datetime | None:
    """When the run was accepted that has been pending for longest."""
    row = session.one("SELECT MIN(created_at) FROM runs WHERE status = 'pending'")
    return None if row is None else moment(row[0])
