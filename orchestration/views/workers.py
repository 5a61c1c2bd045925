"""Worker processes as people and programs see them."""

from collections.abc import Mapping
from typing import Any

from orchestration.ports import Locks, Session
from orchestration.store import steps, workers
from orchestration.store.workers import WorkerRow
from orchestration.views.times import iso


def listing(session: Session, locks: Locks, limit: int) -> list[dict[str, Any]]:
    """The workers that are not known to be gone, newest first."""
    found = sorted(workers.present(session), key=lambda row: row.started_at, reverse=True)
    slots = workers.slots(session)
    return [as_json(session, locks, row, slots.get(row.id, {})) for row in found[:limit]]


def as_json(
    session: Session, locks: Locks, row: WorkerRow, slots: Mapping[str, int]
) -> dict[str, Any]:
    """A worker as people and programs see it; `slots` are the threads that serve each agent."""
    alive = "draining" if row.draining else "alive"
    return {
        "id": row.id,
        "status": "dead" if locks.is_free(row.id) else alive,
        "host": row.host,
        "pid": row.pid,
        "release": row.release,
        "transport": row.transport,
        "slots": dict(slots),
        "running": len(steps.held_by(session, row.id)),
        "started_at": iso(row.started_at),
        "last_beat": iso(row.beat_at),
        "scope": row.scope,
        "offers": sorted(row.offers),
    }
