"""The table `audit`: what people did, when and why."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.listings import escaped
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class Deed:
    """An action of a person; a run is named at the beginning of the subject."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str


def add(session: Session, now: datetime, actor: str, action: str, subject: str) -> None:
    """Write an actor's action on a subject."""
    session.run(
        "INSERT INTO audit (at, actor, action, subject) VALUES (?, ?, ?, ?)",
        *(now.timestamp(), actor, action, subject),
    )


def last_actor(session: Session, action: str, subject: str) -> str | None:
    """The last actor of this action on a subject, with the reason; None: there is none."""
    row = session.one(
        "SELECT actor FROM audit WHERE action = ? AND subject = ? ORDER BY id DESC LIMIT 1",
        *(action, subject),
    )
    return None if row is None else str(row[0])


def after(session: Session, last: int, limit: int) -> list[Deed]:
    """The deeds after one, oldest first."""
    rows = session.all(
        "SELECT id, at, actor, action, subject FROM audit WHERE id > ? ORDER BY id LIMIT ?",
        *(last, limit),
    )
    return [Deed(row[0], moment(float(row[1])), *row[2:]) for row in rows]


def newest(session: Session, limit: int, before: int | None = None, text: str = "") -> list[Deed]:
    """Deeds, newest first; if given, before one and with `text` in actor, action or subject."""
    conditions, values = ["1 = 1"], list[str | int]()
    if before is not None:
        conditions.append("id < ?")
        values.append(before)
    if text:
        conditions.append("lower(actor || ' ' || action || ' ' || subject) LIKE ? ESCAPE '!'")
        values.append(f"%{escaped(text.lower())}%")
    where = " AND ".join(conditions)
    sql = f"SELECT id, at, actor, action, subject FROM audit WHERE {where} ORDER BY id DESC LIMIT ?"
    rows = session.all(sql, *values, limit)
    return [Deed(row[0], moment(float(row[1])), *row[2:]) for row in rows]
