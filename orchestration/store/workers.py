"""The tables `workers` and `slots`: the workers, and how many steps each can run at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestration.errors import StoreInUseError
from orchestration.ports import Locks, Row, Session
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWorker:
    """One incarnation of a worker process.

    Attributes:
        offers: Every `agent.action@version` it can do.
        slots: For each queue it consumes, how many steps it runs at once.
        scope: The only run it works for; None: all of them.
    """

    id: str
    host: str
    pid: int
    release: str
    offers: Sequence[str]
    transport: str
    slots: Mapping[str, int]
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as people see it.

    Attributes:
        still_s: For how many seconds somebody has seen that it has not beaten since.
    """

    id: str
    host: str
    pid: int
    release: str
    offers: frozenset[str]
    transport: str
    beat: int
    beat_at: datetime
    started_at: datetime
    draining: bool
    left_at: datetime | None
    scope: str | None = None
    still_s: float = 0.0

    def serves(self, agent: str) -> bool:
        """Whether it offers any action of an agent."""
        return any(offer.startswith(f"{agent}.") for offer in self.offers)


COLUMNS = (
    "id, host, pid, release, offers, transport, beat, beat_at, started_at, draining, left_at,"
    " scope, CASE WHEN still_beat = beat THEN still_s ELSE 0.0 END"
)


def join(session: Session, new: NewWorker, now: datetime) -> None:
    """Write that a worker has joined, with its slots."""
    at = now.timestamp()
    session.run(
        "INSERT INTO workers (id, host, pid, release, offers, transport, beat_at, started_at,"
        " scope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(new.id, new.host, new.pid, new.release, json.dumps(sorted(new.offers))),
        *(new.transport, at, at, new.scope),
    )
    restore(session, new)


def restore(session: Session, worker: NewWorker) -> bool:
    """Write the slots of a worker if they are missing; False if they are not.

    A draining worker gets none.
    """
    taken = "SELECT 1 FROM slots WHERE worker = ?"
    draining = "SELECT 1 FROM workers WHERE id = ? AND draining = 1"
    if not worker.slots or session.one(f"{taken} UNION ALL {draining}", worker.id, worker.id):
        return False
    for queue, count in worker.slots.items():
        session.run(
            "INSERT INTO slots (worker, queue, slots) VALUES (?, ?, ?)", worker.id, queue, count
        )
    return True


def beat(session: Session, worker: str, now: datetime) -> bool:
    """Count a beat; False if this worker has been declared gone."""
    changed = session.changed(
        "UPDATE workers SET beat = beat + 1, beat_at = ? WHERE id = ? AND left_at IS NULL",
        *(now.timestamp(), worker),
    )
    return changed > 0


def has_beaten(session: Session, seen: WorkerRow) -> bool:
    """Whether a worker has beaten since this row was read."""
    sql = "SELECT 1 FROM workers WHERE id = ? AND beat = ?"
    return session.one(sql, seen.id, seen.beat) is None


def note_still(session: Session, seen: WorkerRow, seconds: float) -> None:
    """Write for how long a worker has not beaten since this row was read."""
    session.run(
        "UPDATE workers SET still_beat = beat, still_s = ? WHERE id = ? AND beat = ?"
        " AND (still_beat IS NULL OR still_beat <> beat OR still_s < ?)",
        *(seconds, seen.id, seen.beat, seconds),
    )


def drain(session: Session, worker: str) -> None:
    """Write that a worker takes nothing new, and will go in good order."""
    session.run("UPDATE workers SET draining = 1 WHERE id = ?", worker)
    _withdraw(session, worker)


def ask_stacks(session: Session, worker: str) -> None:
    """Ask a worker for the stacks of its threads."""
    session.run("UPDATE workers SET stacks_asked = 1, stacks = NULL WHERE id = ?", worker)


def has_to_tell(session: Session, worker: str) -> bool:
    """Whether a worker was asked for the stacks of its threads, and has not answered."""
    sql = "SELECT 1 FROM workers WHERE id = ? AND stacks_asked = 1"
    return session.one(sql, worker) is not None


def tell_stacks(session: Session, worker: str, text: str) -> None:
    """Write the stacks of a worker's threads."""
    session.run("UPDATE workers SET stacks_asked = 0, stacks = ? WHERE id = ?", text, worker)


def stacks(session: Session, worker: str) -> str | None:
    """The stacks of a worker's threads as it last answered; None: it has not answered yet."""
    row = session.one("SELECT stacks FROM workers WHERE id = ?", worker)
    return row[0] if row else None


def silence(session: Session, worker: str) -> None:
    """Take the slots of a worker that does not beat."""
    _withdraw(session, worker, deserted=True)


def leave(session: Session, worker: str, now: datetime, *, died: bool = False) -> None:
    """Write that a worker is gone for good."""
    _withdraw(session, worker, deserted=died)
    session.run(
        "UPDATE workers SET left_at = ? WHERE id = ? AND left_at IS NULL", now.timestamp(), worker
    )


def _withdraw(session: Session, worker: str, *, deserted: bool = False) -> None:
    """Take a worker's slots; mark agents that no other worker serves as stopped, or deserted."""
    session.run(
        "UPDATE agents SET status = 'stopped', deserted = ? WHERE status = 'running'"
        " AND name IN (SELECT queue FROM slots WHERE worker = ?)"
        " AND name NOT IN (SELECT queue FROM slots WHERE worker <> ?)",
        *(int(deserted), worker, worker),
    )
    session.run("DELETE FROM slots WHERE worker = ?", worker)


def present(session: Session) -> list[WorkerRow]:
    """Workers that are not known to be gone."""
    sql = f"SELECT {COLUMNS} FROM workers WHERE left_at IS NULL"
    return [_read(row) for row in session.all(sql)]


def live(session: Session, locks: Locks) -> list[str]:
    """The workers that live, by host and process; a store of an older release can tell as well."""
    rows = session.all("SELECT id, host, pid FROM workers WHERE left_at IS NULL")
    return [f"{host}:{pid}" for id_, host, pid in rows if not locks.is_free(id_)]


def refuse_live(session: Session, locks: Locks, why: str) -> None:
    """Refuse to take away a store that workers use.

    Raises:
        StoreInUseError: Workers live: stop them.
    """
    if found := live(session, locks):
        raise StoreInUseError(f"{', '.join(found)} work on this store: stop them, {why}")


def served(session: Session) -> dict[str, int]:
    """For each agent that present workers serve, how many steps they can run at once."""
    rows = session.all("SELECT queue, SUM(slots) FROM slots GROUP BY queue ORDER BY queue")
    return {str(queue): int(slots) for queue, slots in rows}


def slots(session: Session) -> dict[str, dict[str, int]]:
    """For each worker with slots, how many steps of which agents it can run at once."""
    found: dict[str, dict[str, int]] = {}
    rows = session.all("SELECT worker, queue, slots FROM slots ORDER BY worker, queue")
    for worker, queue, count in rows:
        found.setdefault(worker, {})[queue] = int(count)
    return found


def last_beat(session: Session) -> datetime | None:
    """The time of the last beat of any worker."""
    row = session.one("SELECT MAX(beat_at) FROM workers")
    return None if row is None else moment(row[0])


def get(session: Session, worker: str) -> WorkerRow | None:
    """One worker, gone or not."""
    row = session.one(f"SELECT {COLUMNS} FROM workers WHERE id = ?", worker)
    return None if row is None else _read(row)


def _read(row: Row) -> WorkerRow:
    """One row of `COLUMNS`."""
    id_, host, pid, release, offers, transport, *since = row
    beats, beat_at, started_at, draining, left_at, scope, still_s = since
    return WorkerRow(
        id=id_,
        host=host,
        pid=pid,
        release=release,
        offers=frozenset(json.loads(offers)),
        transport=transport,
        beat=beats,
        beat_at=moment(beat_at),
        started_at=moment(started_at),
        draining=bool(draining),
        left_at=moment(left_at),
        scope=scope,
        still_s=still_s,
    )
