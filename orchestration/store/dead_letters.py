"""The table `dead_letters`: messages that could not be used, and why."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from orchestration import metrics
from orchestration.errors import NotFoundError
from orchestration.ports import Row, Session
from orchestration.store import counters
from orchestration.store.times import moment

LARGEST_BODY = 2**20
LAST = 2**62
COLUMNS = "id, reason, detail, routing_key, sender, message_id, received_at, size, replayable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be used, as it is stored.

    Attributes:
        reason: One word for metrics and listings.
        detail: One line for people.
        masked: Whether a secret was taken out of the body: then it cannot be replayed.
    """

    reason: str
    detail: str
    routing_key: str
    body: bytes
    sender: str | None = None
    message_id: str | None = None
    masked: bool = False

    @property
    def digest(self) -> str:
        """A digest that is the same for a copy that came by another queue."""
        return hashlib.sha256(self.routing_key.encode() + b"\0" + self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A dead letter as people see it in a listing."""

    id: int
    reason: str
    detail: str
    routing_key: str
    sender: str | None
    message_id: str | None
    received_at: datetime
    size: int
    replayable: bool


def add(session: Session, letter: DeadLetter, now: datetime) -> None:
    """Store a dead letter, with the first MiB of its body."""
    kept = letter.body[:LARGEST_BODY]
    replayable = len(kept) == len(letter.body) and not letter.masked
    session.run(
        "INSERT INTO dead_letters (reason, detail, routing_key, sender, message_id, received_at,"
        " size, body, replayable, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *(
            letter.reason,
            letter.detail,
            letter.routing_key,
            letter.sender,
            letter.message_id,
        ),
        *(now.timestamp(), len(letter.body), kept, int(replayable), letter.digest),
    )
    counters.count(session, metrics.DEAD_LETTERS, metrics.known_reason(letter.reason))


def newest(
    session: Session,
    limit: int,
    reason: str | None = None,
    sender: str | None = None,
    before: int | None = None,
) -> list[DeadLetterRow]:
    """Dead letters, newest first: all, or those with a reason, from a sender, or before one."""
    sql = (
        f"SELECT {COLUMNS} FROM dead_letters WHERE (CAST(? AS TEXT) IS NULL OR reason = ?)"
        " AND (CAST(? AS TEXT) IS NULL OR sender = ?) AND id < ? ORDER BY id DESC LIMIT ?"
    )
    than = LAST if before is None else before
    return [_read(row) for row in session.all(sql, reason, reason, sender, sender, than, limit)]


def reasons(session: Session) -> dict[str, int]:
    """How many dead letters there are of each reason."""
    sql = "SELECT reason, COUNT(*) FROM dead_letters GROUP BY reason ORDER BY reason"
    return dict(session.all(sql))


def count(session: Session) -> int:
    """How many dead letters are kept."""
    row = session.one("SELECT COUNT(*) FROM dead_letters")
    return int(row[0]) if row else 0


def last_id(session: Session) -> int:
    """The number of the newest dead letter; 0: there is none."""
    row = session.one("SELECT COALESCE(MAX(id), 0) FROM dead_letters")
    return int(row[0]) if row else 0


def get(session: Session, id_: int) -> tuple[DeadLetterRow, bytes]:
    """One dead letter with its body.

    Raises:
        NotFoundError: There is none of this id.
    """
    row = session.one(f"SELECT {COLUMNS}, body FROM dead_letters WHERE id = ?", id_)
    if row is None:
        raise NotFoundError(f"no dead letter {id_}: `orchestrate dead-letters list` shows them")
    return _read(row[:-1]), bytes(row[-1])


def is_known(session: Session, letter: DeadLetter, since: datetime) -> bool:
    """Whether a copy of a letter was stored since a moment."""
    sql = "SELECT 1 FROM dead_letters WHERE digest = ? AND received_at > ? LIMIT 1"
    return session.one(sql, letter.digest, since.timestamp()) is not None


def discard(session: Session, id_: int) -> bool:
    """Delete a dead letter; False if there is none."""
    return session.changed("DELETE FROM dead_letters WHERE id = ?", id_) > 0


def many_since(session: Session, sender: str, since: datetime, many: int) -> bool:
    """Whether at least so many letters of a sender were stored since a moment; reads no more."""
    row = session.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters WHERE sender = ? AND received_at > ?"
        " LIMIT ?) found",
        *(sender, since.timestamp(), many),
    )
    return row is not None and row[0] >= many


def _read(row: Row) -> DeadLetterRow:
    id_, reason, detail, key, sender, message_id, at, size, replayable = row
    return DeadLetterRow(
        id_, reason, detail, key, sender, message_id, moment(at), size, bool(replayable)
    )
