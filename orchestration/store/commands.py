"""The table `commands`: the keys by which a repeated command is recognised."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestration.errors import DuplicateCommandError
from orchestration.ports import Session

KEPT = timedelta(days=7)
AGAIN = timedelta(days=1)
CHOSEN, PLAIN = "key:", "id:"
OVER = (
    "(sender, key) IN (SELECT sender, key FROM commands WHERE expires_at < ?"
    " ORDER BY expires_at LIMIT ?)"
)
OPEN = "EXISTS (SELECT 1 FROM runs WHERE runs.id = commands.run_id AND runs.ended_at IS NULL)"
PUT_OFF = f"UPDATE commands SET expires_at = ? WHERE {OVER} AND {OPEN}"
DROP = f"DELETE FROM commands WHERE {OVER} AND NOT {OPEN}"


@dataclass(frozen=True, slots=True)
class Seen:
    """An accepted command.

    Attributes:
        digest: Of the command with every default filled in.
        run_id: The run it started.
        given: A digest of the command as its caller gave it; None: it was not stored.
    """

    digest: str
    run_id: str
    given: str | None = None


def key_of(message_id: str, chosen: str | None) -> str:
    """The key by which a repeated message is recognised: the sender's, or else the message's id.

    The two never collide: a chosen key is never equal to another message's id.
    """
    if chosen is not None:
        return CHOSEN + chosen
    return PLAIN + message_id if message_id.startswith((CHOSEN, PLAIN)) else message_id


def shown(key: str) -> str:
    """A key as its sender knows it."""
    return key.removeprefix(CHOSEN if key.startswith(CHOSEN) else PLAIN)


def duplicate(sender: str, key: str) -> DuplicateCommandError:
    """The error for a sender that used a key for two commands."""
    return DuplicateCommandError(
        f"{sender} used the key {shown(key)!r} for another command:"
        " send a new command under a new key"
    )


def find(session: Session, sender: str, key: str) -> Seen | None:
    """The command that a sender sent with this key before."""
    row = session.one(
        "SELECT digest, run_id, given FROM commands WHERE sender = ? AND key = ?", sender, key
    )
    return None if row is None else Seen(*row)


def remember(session: Session, sender: str, key: str, seen: Seen, now: datetime) -> None:
    """Store a key for `KEPT`, or longer while its run is open."""
    session.run(
        "INSERT INTO commands (sender, key, digest, run_id, given, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        *(sender, key, seen.digest, seen.run_id, seen.given, (now + KEPT).timestamp()),
    )


def is_first(session: Session, sender: str, key: str, queue: str) -> bool:
    """Whether a message by this queue is the first of its command, or sent again.

    False for the copy of a message that came by the other queue: that was answered already.
    """
    row = session.one("SELECT via FROM commands WHERE sender = ? AND key = ?", sender, key)
    via = None if row is None else row[0]
    first = via is None or via == queue
    if via is None or not first:
        sql = "UPDATE commands SET via = ? WHERE sender = ? AND key = ?"
        session.run(sql, queue if first else None, sender, key)
    return first


def forget(session: Session, now: datetime, limit: int) -> int:
    """Delete keys that have expired; return how many were looked at.

    The key of an open run is kept, however long that takes; it expires again later.
    """
    at = now.timestamp()
    put_off = session.changed(PUT_OFF, (now + AGAIN).timestamp(), at, limit)
    return put_off + session.changed(DROP, at, limit - put_off)
