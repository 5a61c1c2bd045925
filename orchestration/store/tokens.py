"""The tables `tokens` and `sessions`: credentials for HTTP, stored as digests alone."""

from dataclasses import dataclass
from datetime import datetime

from orchestration.ports import Row, Session
from orchestration.store.times import moment

COLUMNS = "name, role, created_at, created_by"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as people see it: never the token itself."""

    name: str
    role: str
    created_at: datetime
    created_by: str


def insert(session: Session, row: TokenRow, digest: str) -> bool:
    """Write a token; False if there is one of this name."""
    changed = session.changed(
        f"INSERT INTO tokens ({COLUMNS}, digest) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        *(row.name, row.role, row.created_at.timestamp(), row.created_by, digest),
    )
    return changed > 0


def everyone(session: Session) -> list[TokenRow]:
    """All tokens, by name."""
    return list(map(_read, session.all(f"SELECT {COLUMNS} FROM tokens ORDER BY name")))


def of_digest(session: Session, digest: str) -> TokenRow | None:
    """The token that has a digest."""
    row = session.one(f"SELECT {COLUMNS} FROM tokens WHERE digest = ?", digest)
    return None if row is None else _read(row)


def delete(session: Session, name: str) -> bool:
    """Forget a token and end its sessions; False if there is none of this name."""
    session.run(
        "DELETE FROM sessions WHERE token IN (SELECT digest FROM tokens WHERE name = ?)", name
    )
    return session.changed("DELETE FROM tokens WHERE name = ?", name) > 0


def forget_all(session: Session) -> list[str]:
    """Delete every token and session; return the names of the tokens."""
    names = [row.name for row in everyone(session)]
    session.run("DELETE FROM sessions")
    session.run("DELETE FROM tokens")
    return names


def open_session(
    session: Session, digest: str, token: str, now: datetime, expires_at: datetime
) -> None:
    """Write a session of a token, and delete expired sessions."""
    session.run("DELETE FROM sessions WHERE expires_at <= ?", now.timestamp())
    session.run(
        "INSERT INTO sessions (digest, token, expires_at) VALUES (?, ?, ?)",
        *(digest, token, expires_at.timestamp()),
    )


def of_session(session: Session, digest: str, now: datetime) -> str | None:
    """The digest of the token that opened a session; None if there is none or it has expired."""
    row = session.one(
        "SELECT token FROM sessions WHERE digest = ? AND expires_at > ?", digest, now.timestamp()
    )
    return None if row is None else str(row[0])


def close_session(session: Session, digest: str) -> None:
    """End a session."""
    session.run("DELETE FROM sessions WHERE digest = ?", digest)


def _read(row: Row) -> TokenRow:
    return TokenRow(row[0], row[1], moment(float(row[2])), row[3])
