"""The tables `stops` and `stop_answers`: emergency stops, and their acknowledgements."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment

WORKER, AGENT, RUN = "worker", "agent", "run"
UNMOVED = "it could not be cancelled, the log says why"


@dataclass(frozen=True, slots=True)
class Stop:
    """One emergency stop.

    Attributes:
        epoch: Its number, from 1.
        cancelled: How many runs it has cancelled so far.
        released_at: When work was allowed again; None: it holds.
    """

    epoch: int
    at: datetime
    actor: str
    reason: str
    cancelled: int
    released_at: datetime | None
    released_by: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a worker or an agent that has to acknowledge a stop has done so.

    A run that could not be cancelled is another kind: it answers once it is cancelled after all.
    """

    name: str
    kind: str
    place: str
    answered_at: datetime | None


def is_stopped(session: Session) -> bool:
    """Whether an emergency stop holds."""
    row = session.one("SELECT stopped FROM control WHERE id = 1")
    return bool(row and row[0])


def epoch(session: Session) -> int:
    """The number of the last stop; 0: there was none."""
    row = session.one("SELECT epoch FROM control WHERE id = 1")
    return int(row[0]) if row else 0


def add(session: Session, actor: str, reason: str, now: datetime) -> int:
    """Write that a stop begins, and return its number."""
    session.run("UPDATE control SET epoch = epoch + 1, stopped = 1 WHERE id = 1")
    number = epoch(session)
    session.run(
        "INSERT INTO stops (epoch, at, actor, reason) VALUES (?, ?, ?, ?)",
        *(number, now.timestamp(), actor, reason),
    )
    return number


def release(session: Session, actor: str, now: datetime) -> None:
    """Write that the current stop is over."""
    session.run("UPDATE control SET stopped = 0 WHERE id = 1")
    session.run(
        "UPDATE stops SET released_at = ?, released_by = ? WHERE released_at IS NULL",
        *(now.timestamp(), actor),
    )


def count_cancelled(session: Session, runs: int) -> None:
    """Add to the number of runs that the current stop has cancelled."""
    session.run("UPDATE stops SET cancelled = cancelled + ? WHERE released_at IS NULL", runs)


def latest(session: Session) -> Stop | None:
    """The last stop, released or not."""
    row = session.one(
        "SELECT epoch, at, actor, reason, cancelled, released_at, released_by FROM stops"
        " ORDER BY epoch DESC LIMIT 1"
    )
    if row is None:
        return None
    number, at, actor, reason, cancelled, released_at, released_by = row
    return Stop(
        number, moment(float(at)), actor, reason, cancelled, moment(released_at), released_by
    )


def ask(session: Session, number: int, kind: str, name: str, place: str) -> None:
    """Write that a worker or an agent has to acknowledge a stop."""
    session.run(
        "INSERT INTO stop_answers (epoch, name, kind, place) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        *(number, name, kind, place),
    )


def answer(session: Session, number: int, name: str, now: datetime) -> bool:
    """Write the acknowledgement of a stop; False if it was not asked for, or came before."""
    changed = session.changed(
        "UPDATE stop_answers SET answered_at = ? WHERE epoch = ? AND name = ?"
        " AND answered_at IS NULL",
        *(now.timestamp(), number, name),
    )
    return changed > 0


def put_aside(session: Session, run_id: str) -> None:
    """Write that a run could not be cancelled: others come first, and no release waits for it."""
    ask(session, epoch(session), RUN, run_id, UNMOVED)


def unmoved(session: Session, after: str = "") -> list[str]:
    """The runs that the current stop could not cancel, by id; only those after `after`."""
    sql = (
        "SELECT name FROM stop_answers WHERE epoch = ? AND kind = ? AND answered_at IS NULL"
        " AND name > ? ORDER BY name"
    )
    return [row[0] for row in session.all(sql, epoch(session), RUN, after)]


def answers(session: Session, number: int) -> list[Answer]:
    """Who has to acknowledge a stop, and the runs it could not cancel, by kind and name."""
    rows = session.all(
        "SELECT name, kind, place, answered_at FROM stop_answers WHERE epoch = ?"
        " ORDER BY kind, name",
        number,
    )
    return [Answer(name, kind, place, moment(at)) for name, kind, place, at in rows]
