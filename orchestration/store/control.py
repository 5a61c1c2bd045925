"""The one row of the table `control`: facts about the whole store."""

from datetime import datetime

from orchestration.ports import Session
from orchestration.store.times import moment

EMBEDDED = "embedded"
SHORT_ID = 8
LONGEST_PLACE = 36  # RabbitMQ cuts a message that names two stores at 255 characters


def ensure(session: Session, store_id: str, place: str | None = None) -> str:
    """The id of this store; the first call sets it, and the place of the store.

    A store that this release made was never listened to; of an older one that is not known.
    """
    session.run(
        "INSERT INTO control (id, store_id, listening_since, listened_at) VALUES (1, ?, 0, 0)"
        " ON CONFLICT DO NOTHING",
        store_id,
    )
    session.run("UPDATE control SET place = ? WHERE id = 1 AND place IS NULL", place)
    row = session.one("SELECT store_id FROM control WHERE id = 1")
    return str(row[0]) if row else store_id


def store_id(session: Session) -> str | None:
    """The id of this store; None: its id or its place is not set yet."""
    row = session.one("SELECT store_id FROM control WHERE id = 1 AND place IS NOT NULL")
    return row[0] if row else None


def own_id(session: Session) -> str:
    """The id of this store, whether or not its place is set; empty: it has none."""
    row = session.one("SELECT store_id FROM control WHERE id = 1")
    return str(row[0]) if row else ""


def name(session: Session) -> str:
    """The store in a few words, the same for each of its processes: short id and place."""
    row = session.one("SELECT store_id, COALESCE(place, '') FROM control WHERE id = 1")
    store_id, place = row or ("", "")
    tail = place if len(place) <= LONGEST_PLACE else f"...{place[-LONGEST_PLACE:]}"
    return f"{store_id[:SHORT_ID]} {tail}".encode("ascii", "replace").decode()


def transport(session: Session) -> str | None:
    """The transport that the store's messages travel on."""
    row = session.one("SELECT transport FROM control WHERE id = 1")
    return row[0] if row else None


def set_transport(session: Session, name: str) -> None:
    """Write the transport."""
    session.run("UPDATE control SET transport = ? WHERE id = 1", name)


def swept_at(session: Session) -> float:
    """When a process swept last, in seconds."""
    row = session.one("SELECT swept_at FROM control WHERE id = 1")
    return float(row[0]) if row else 0.0


def mark_swept(session: Session, now: datetime) -> None:
    """Write that a process sweeps now."""
    session.run("UPDATE control SET swept_at = ? WHERE id = 1", now.timestamp())


def clock_offset(session: Session, boot: str) -> float | None:
    """Wall clock minus monotonic clock as last agreed, if by a process of this boot."""
    row = session.one("SELECT clock_offset FROM control WHERE id = 1 AND boot = ?", boot)
    return None if row is None else row[0]


def set_clock_offset(session: Session, boot: str, offset: float) -> None:
    """Agree on wall clock minus monotonic clock."""
    session.run("UPDATE control SET clock_offset = ?, boot = ? WHERE id = 1", offset, boot)


def listen(session: Session, now: datetime, lapsed: datetime, since: datetime) -> None:
    """Write that the messages of agents are read now, and have been since `since`, or for longer.

    What others said holds on if it was said since `lapsed`: who has read for longest counts.
    """
    session.run(
        "UPDATE control SET listening_since = CASE WHEN listened_at >= ? AND listening_since < ?"
        " THEN listening_since ELSE ? END, listened_at = ? WHERE id = 1",
        *(lapsed.timestamp(), since.timestamp(), since.timestamp(), now.timestamp()),
    )


def listened(session: Session) -> tuple[datetime, datetime] | None:
    """Since when the messages of agents were read, and when last; None: nobody ever said so."""
    sql = "SELECT listening_since, listened_at FROM control WHERE listened_at IS NOT NULL"
    row = session.one(sql)
    return None if row is None else (moment(row[0]), moment(row[1]))


def life(session: Session) -> int:
    """The unique number of the restore that this store comes from; 0: it was never restored."""
    row = session.one("SELECT restores FROM control WHERE id = 1")
    return int(row[0]) if row else 0


def mark_saved(session: Session, now: datetime) -> None:
    """Write, into a backup, when it was made."""
    session.run("UPDATE control SET saved_at = ? WHERE id = 1", now.timestamp())


def saved_at(session: Session) -> float | None:
    """When the backup of a restored store was made; None once the store is taken into use."""
    row = session.one("SELECT saved_at FROM control WHERE id = 1")
    return row[0] if row else None


def renew(session: Session, store_id: str, place: str, life: int) -> None:
    """Give a restored store a new id, place and life, and forget the old transport and clock."""
    session.run(
        "UPDATE control SET restores = ?, store_id = ?, place = ?, saved_at = NULL,"
        " transport = NULL, boot = NULL, clock_offset = NULL WHERE id = 1",
        *(life, store_id, place),
    )
