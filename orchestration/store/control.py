"""The one row of the table `control`: what holds for the whole store."""

from datetime import datetime

from orchestration.ports import Session

EMBEDDED = "embedded"
SHORT_ID = 8
LONGEST_PLACE = 36  # RabbitMQ cuts what it says at 255 characters, and names two stores in it


def ensure(session: Session, store_id: str, place: str | None = None) -> str:
    """The id of this store, minted at the first call, which also says where it is."""
    session.run("INSERT INTO control (id, store_id) VALUES (1, ?) ON CONFLICT DO NOTHING", store_id)
    session.run("UPDATE control SET place = ? WHERE id = 1 AND place IS NULL", place)
    row = session.one("SELECT store_id FROM control WHERE id = 1")
    return str(row[0]) if row else store_id


def store_id(session: Session) -> str | None:
    """The id of this store; None: it has none yet, or does not say where it is."""
    row = session.one("SELECT store_id FROM control WHERE id = 1 AND place IS NOT NULL")
    return row[0] if row else None


def own_id(session: Session) -> str:
    """The id of this store, whether or not it says where it is."""
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
    """When somebody swept last, in seconds."""
    row = session.one("SELECT swept_at FROM control WHERE id = 1")
    return float(row[0]) if row else 0.0


def mark_swept(session: Session, now: datetime) -> None:
    """Write that somebody sweeps now."""
    session.run("UPDATE control SET swept_at = ? WHERE id = 1", now.timestamp())


def clock_offset(session: Session, boot: str) -> float | None:
    """Wall clock minus monotonic clock as last agreed, if by a process of this boot."""
    row = session.one("SELECT clock_offset FROM control WHERE id = 1 AND boot = ?", boot)
    return None if row is None else row[0]


def set_clock_offset(session: Session, boot: str, offset: float) -> None:
    """Agree on wall clock minus monotonic clock."""
    session.run("UPDATE control SET clock_offset = ?, boot = ? WHERE id = 1", offset, boot)


def life(session: Session) -> int:
    """The number of the restore that this store comes from, which no other has; 0: of none."""
    row = session.one("SELECT restores FROM control WHERE id = 1")
    return int(row[0]) if row else 0


def mark_saved(session: Session, now: datetime) -> None:
    """Write, into a backup, when it was made."""
    session.run("UPDATE control SET saved_at = ? WHERE id = 1", now.timestamp())


def saved_at(session: Session) -> float | None:
    """When the backup was made that this store comes from, until it is taken into use."""
    row = session.one("SELECT saved_at FROM control WHERE id = 1")
    return row[0] if row else None


def renew(session: Session, store_id: str, place: str, life: int) -> None:
    """Make a store that was put back another one, in another place and with a life of its own."""
    session.run(
        "UPDATE control SET restores = ?, store_id = ?, place = ?, saved_at = NULL,"
        " transport = NULL, boot = NULL, clock_offset = NULL WHERE id = 1",
        *(life, store_id, place),
    )
