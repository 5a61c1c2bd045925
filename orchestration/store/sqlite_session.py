"""One SQLite connection: how it is opened, and operations in one transaction on it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration import failpoints
from orchestration.errors import InDoubtError, StoreError
from orchestration.failpoints import Failpoint
from orchestration.ports import Row
from orchestration.store.group import Operation

MOST_STATEMENTS = 512
PATIENCE_S = 5.0
CURE = "check that the disk has room and the directory is writable"
LOOK = "look whether it is there before you repeat it"
STORES_OWN = {  # errors of the file, the disk or a lock; all others are the statement's
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
PRIMARY_CODE = 0xFF
CURES = {sqlite3.SQLITE_NOTADB: "name another file in DATABASE_URL"}


class SqliteSession:
    """SQL on one SQLite connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Any) -> None:
        """Execute."""
        self._connection.execute(sql, values)

    def changed(self, sql: str, *values: Any) -> int:
        """Execute, and tell how many rows changed."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row."""
        return self._connection.execute(sql, values).fetchall()

    def number_from(self, table: str, number: int) -> None:
        """Let the ids of a table's future rows count on from a number."""
        self.run("DELETE FROM sqlite_sequence WHERE name = ?", table)
        self.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, number)


def connect(
    path: Path | str, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    """A connection with the pragmas that durability rests on."""
    connection = sqlite3.connect(
        path,
        timeout=PATIENCE_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=MOST_STATEMENTS,
        factory=factory,
    )
    try:
        for pragma in ("synchronous=FULL", "wal_autocheckpoint=0", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        failpoints.reach(Failpoint.COMMITTING)
        commit(connection)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    failpoints.reach(Failpoint.COMMITTED)


def commit(connection: sqlite3.Connection) -> None:
    """COMMIT.

    The log is written before it is synced. If the sync failed, SQLite has forgotten the commit,
    but a process that opens the file after a crash may find it whole.

    Raises:
        InDoubtError: The log could not be written, or not be synced.
    """
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE != sqlite3.SQLITE_IOERR:
            raise
        raise InDoubtError(f"{error} while a commit was written; {CURE}, and {LOOK}") from error


def run_all(connection: sqlite3.Connection, operations: Sequence[Operation]) -> list[Any]:
    """The outcome of each operation, all in one transaction.

    Operations rarely fail, so only if one does, all run again, each in a savepoint of its own.
    """
    with transaction(connection):
        try:
            return [operation(SqliteSession(connection)) for operation in operations]
        except Exception as error:  # whatever it is, it undoes what the operation wrote
            if is_the_stores(error):
                raise
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            if len(operations) == 1:
                return [told(error)]
        return [run_one(connection, operation) for operation in operations]


def is_the_stores(error: Exception) -> bool:
    """Whether the file, the disk or a lock is to blame."""
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE in STORES_OWN


def told(error: Exception) -> Exception:
    """An operation's error as its caller gets it: a trigger's message is the store's own."""
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return StoreError(str(error))
    return error


def is_busy(error: BaseException | None) -> bool:
    """Whether another connection held the file's lock for too long."""
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    return code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def run_one(connection: sqlite3.Connection, operation: Operation) -> Any:
    """The outcome of one operation of a batch; if it fails, only its own writes are undone."""
    connection.execute("SAVEPOINT operation")
    try:
        outcome = operation(SqliteSession(connection))
    except Exception as error:  # as above
        if is_the_stores(error):
            raise
        connection.execute("ROLLBACK TO operation")
        outcome = told(error)
    connection.execute("RELEASE operation")
    return outcome


@contextmanager
def explained(path: Path, *others: type[Exception]) -> Iterator[None]:
    """Turn an error of SQLite, or of the other types, into one sentence with a cure."""
    explained: tuple[type[Exception], ...] = (sqlite3.Error, *others)
    try:
        yield
    except explained as error:
        cure = CURES.get(getattr(error, "sqlite_errorcode", 0), CURE)
        raise StoreError(f"store {path}: {error}; {cure}") from error
