"""The table `audit`: what people did, when and why."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did; a run is named at the beginning of the subject."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str


def add(session: Session, now: datetime, actor: str, action: str, subject: str) -> None:
    """Write what somebody did to something."""
    session.run(
        "INSERT INTO audit (at, actor, action, subject) VALUES (?, ?, ?, ?)",
        *(now.timestamp(), actor, action, subject),
    )


def after(session: Session, last: int, limit: int) -> list[Deed]:
    """What was done after one deed, oldest first."""
    rows = session.all(
        "SELECT id, at, actor, action, subject FROM audit WHERE id > ? ORDER BY id LIMIT ?",
        *(last, limit),
    )
    return [Deed(row[0], moment(float(row[1])), *row[2:]) for row in rows]
