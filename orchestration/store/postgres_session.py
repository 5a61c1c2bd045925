"""SQL on one PostgreSQL connection: a statement without a result travels with the next query.

Each round trip is one message with all of its statements: the server executes all of them or none,
and then times the wait for the next, so that it ends a session whose process has stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus

from orchestration import failpoints
from orchestration.errors import InDoubtError
from orchestration.failpoints import Failpoint
from orchestration.ports import Row
from orchestration.store.group import Operation
from orchestration.store.server import Link, is_the_stores

WRITERS: LiteralString = "7205417"  # the lock of this application's writers, within one schema
BEGIN_WRITE: LiteralString = (  # so that rows of the writer before are seen after the lock
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    f" SELECT pg_advisory_xact_lock({WRITERS}, hashtext(current_schema()))"
)
BEGIN_READ: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# States that the server has reported; with a COMMIT unanswered the session is in none of them.
SETTLED = {TransactionStatus.IDLE, TransactionStatus.INTRANS, TransactionStatus.INERROR}
IN_DOUBT = "PostgreSQL: the answer to a COMMIT was lost: look whether it was done; check the server"
ROLLED_BACK = "nothing was written: a statement had failed, and somebody passed that over"


@lru_cache(maxsize=512)
def translated(sql: str) -> LiteralString:
    """`?` becomes `%s`; our SQL holds no other question mark."""
    return sql.replace("%", "%%").replace("?", "%s")


class PostgresSession:
    """SQL inside one transaction.

    Args:
        connection: The one on which the transaction has begun.
    """

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection
        self._unsent: list[tuple[str, tuple[Any, ...]]] = []

    def run(self, sql: str, *values: Any) -> None:
        """Execute together with the next query, or with the COMMIT."""
        self._unsent.append((sql, values))

    def changed(self, sql: str, *values: Any) -> int:
        """Execute, and return how many rows changed."""
        return self.ask(sql, values).rowcount

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""
        return self.ask(sql, values).fetchone()

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row."""
        return self.ask(sql, values).fetchall()

    def number_from(self, table: str, number: int) -> None:
        """Let the ids that a table generates go on after `number`."""
        self.one("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", table, number)

    def ask(self, sql: str, values: tuple[Any, ...] = ()) -> "psycopg.Cursor[Row]":
        """Execute the unsent statements, then this one, and wait for its result."""
        if not self._unsent:
            return self._connection.execute(translated(sql), values)
        statements = [*self._unsent, (sql, values)]
        self._unsent.clear()
        together = b"; ".join(translated(each).encode() for each, _ in statements)
        cursor = psycopg.ClientCursor(self._connection)
        cursor.execute(together, [each for _, some in statements for each in some])
        while cursor.nextset():
            pass
        return cursor

    def copy(self, words: "psycopg.sql.Composed", rows: Iterator[list[Any]]) -> int:
        """COPY rows FROM STDIN; return how many there were."""
        self.ask("SELECT 1")
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(words) as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        return count

    def apart(self, operation: Operation) -> Any:
        """The outcome of an operation; an error rolls back only its own writes."""
        self.ask("SAVEPOINT operation")
        try:
            outcome = operation(self)
            self.ask("RELEASE operation")
        except Exception as error:
            if is_to_blame(error):
                raise
            self._unsent.clear()
            self.run("ROLLBACK TO operation")
            self.ask("RELEASE operation")
            outcome = error
        return outcome


@contextmanager
def transaction(link: Link, begin: LiteralString) -> Iterator[PostgresSession]:
    """BEGIN … COMMIT on the session of a link, or ROLLBACK.

    Raises:
        InDoubtError: The session has ended before the server's answer to the COMMIT came.
        RuntimeError: A statement's error was ignored, and nothing is written: a bug.
    """
    connection = link.ready()
    session = PostgresSession(connection)
    try:
        connection.execute(begin)  # if the lock is refused, BEGIN was executed
        yield session
        if begin is BEGIN_WRITE:
            failpoints.reach(Failpoint.COMMITTING)
        commit(session, connection)
    except BaseException:
        try:
            if link.is_up():
                connection.execute("ROLLBACK")
        except psycopg.Error:  # the session has ended unnoticed
            link.close()
        raise
    if begin is BEGIN_WRITE:
        failpoints.reach(Failpoint.COMMITTED)


def commit(session: PostgresSession, connection: "psycopg.Connection[Row]") -> None:
    """COMMIT together with the unsent statements: one message, executed as a whole or not at all.

    Raises:
        InDoubtError: The session has ended before the server's answer came.
        RuntimeError: A statement's error was ignored, and nothing is written: a bug.
    """
    try:
        done = session.ask("COMMIT").statusmessage
    except psycopg.Error as error:
        if connection.info.transaction_status in SETTLED:
            raise
        raise InDoubtError(IN_DOUBT) from error
    if done != "COMMIT":
        raise RuntimeError(ROLLED_BACK)


def is_to_blame(error: Exception) -> bool:
    """Whether an error comes from the server or the connection, not from the operation."""
    return isinstance(error, InDoubtError) or (
        isinstance(error, psycopg.Error) and is_the_stores(error)
    )
