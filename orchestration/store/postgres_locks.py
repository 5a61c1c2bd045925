"""Proof of life on PostgreSQL: advisory locks, which the server frees with their session."""

import threading
from typing import LiteralString

import psycopg

from orchestration.ports import Row
from orchestration.store.server import Link, explained

KEY: LiteralString = "hashtextextended(current_schema() || %s, 0)"
HOLD: LiteralString = f"SELECT pg_try_advisory_lock({KEY})"
RELEASE: LiteralString = f"SELECT pg_advisory_unlock({KEY})"
IS_FREE: LiteralString = (
    "SELECT NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    f" AND ((classid::bigint << 32) | objid::bigint) = {KEY})"
)


class PostgresLocks:
    """Locks that are free once the session of their holder has ended.

    That proves less than a lock of the operating system: a session ends with its process, but
    also when the server is restarted, a pooler or a firewall ends its connection, or a person
    terminates it, while the process lives on. The process takes its locks again with its next
    query, at its next beat at the latest; until then they are free. So a free lock alone proves
    no death: the worker's beat must have stood still as well, for `proof_s`, as seen by one
    observer that looked in time throughout. A worker that reaches the server beats long before
    that; one that does not has stopped claiming and told its steps to end by then, so an undo may
    begin. A late look, as all are after a restart of the server, begins the watch anew.

    A lock that another process holds by the time it is taken again is lost; `holds` says so.

    Args:
        url: The database of the store.
    """

    proof_s = 12.0

    def __init__(self, url: str) -> None:
        self._url = url
        self._mutex = threading.Lock()
        self._names: set[str] = set()
        self._link = Link(url, "locks", "60s")
        self._known: psycopg.Connection[Row] | None = None

    def hold(self, name: str) -> bool:
        """Take a lock for as long as this process lives; False if it is held, here included."""
        with self._mutex, explained(self._url):
            session = self._session()
            if name in self._names or not _answer(session, HOLD, name):
                return False
            self._names.add(name)
            return True

    def holds(self, name: str) -> bool:
        """Whether this process still holds a lock that it has taken."""
        with self._mutex:
            return name in self._names and self._link.is_up()

    def release(self, name: str) -> None:
        """Release a lock."""
        with self._mutex, explained(self._url):
            self._names.discard(name)
            _answer(self._session(), RELEASE, name)

    def is_free(self, name: str) -> bool:
        """Whether no session holds a lock now."""
        with self._mutex, explained(self._url):
            return _answer(self._session(), IS_FREE, name)

    def close(self) -> None:
        """End the session, and with it every lock."""
        with self._mutex:
            self._names.clear()
            self._link.close()

    def _session(self) -> "psycopg.Connection[Row]":
        """The session; a new one first takes the locks of the one before."""
        session = self._link.ready()
        if session is not self._known:
            self._names = {name for name in self._names if _answer(session, HOLD, name)}
            self._known = session
        return session


def _answer(session: "psycopg.Connection[Row]", sql: LiteralString, name: str) -> bool:
    row = session.execute(sql, (name,)).fetchone()
    return bool(row and row[0])
