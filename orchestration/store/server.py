"""Sessions on a PostgreSQL server: opened alike, checked before use, their errors explained.

Client and server must each notice soon that the other is gone: both send a keepalive after 5 s of
silence, and give up after 6 s more. These are settings of a session, so a pooler that hands a
connection to other clients between transactions (PgBouncer's `transaction` mode) cannot be used.
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.pq import TransactionStatus

from orchestration.errors import StoreError
from orchestration.ports import Row

IDLE_S, INTERVAL_S, PROBES, UNHEARD_MS = 5, 2, 3, 10_000
STORES_OWN = {  # classes of errors of the server or the network; all others are the statement's
    "08",  # connection
    "25",  # the state of the transaction: broken off, read only on a standby, idle for too long
    "28",  # login
    "3D",  # no such database
    "3F",  # no such schema
    "40",  # rolled back: deadlock, serialisation
    "53",  # disk full, out of memory, too many connections
    "57",  # cancelled, shut down
    "58",  # input and output
    "XX",  # corrupted, or a bug of the server
}
STORES_OWN_STATES = {
    "42501",  # no right to it
    "55P03",  # lock_timeout
}


class Link:
    """Holds one session at a time, opened on demand; one thread at a time uses it.

    Args:
        url: `postgresql://…`.
        role: Its purpose, shown in the server's list of sessions.
        idle: How long it may idle in a transaction, and make others wait.
    """

    def __init__(self, url: str, role: str, idle: str) -> None:
        self._url = url
        self._name = f"orchestration {role}"
        self._idle = idle
        self._connection: psycopg.Connection[Row] | None = None

    def ready(self) -> "psycopg.Connection[Row]":
        """The session, or a new one if it has ended or is still in a transaction."""
        if self._connection is None or not is_alive(self._connection) or is_busy(self._connection):
            self.close()
            self._connection = self._connect()
        return self._connection

    def is_up(self) -> bool:
        """Whether the session is alive, as far as this end knows."""
        return self._connection is not None and is_alive(self._connection)

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()

    def _connect(self) -> "psycopg.Connection[Row]":
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=5,
            keepalives_idle=IDLE_S,
            keepalives_interval=INTERVAL_S,
            keepalives_count=PROBES,
            tcp_user_timeout=UNHEARD_MS,
            fallback_application_name=self._name,
            client_encoding="UTF8",  # a database in SQL_ASCII would hand out bytes for text
        )
        limits = {
            "lock_timeout": "20s",
            "idle_in_transaction_session_timeout": self._idle,
            "tcp_keepalives_idle": str(IDLE_S),
            "tcp_keepalives_interval": str(INTERVAL_S),
            "tcp_keepalives_count": str(PROBES),
            "tcp_user_timeout": f"{UNHEARD_MS}ms",
        }
        calls = ", ".join("set_config(%s, %s, false)" for _ in limits)
        values = [word for pair in limits.items() for word in pair]
        connection.execute(f"SELECT {calls}", values)
        return connection


def is_alive(connection: "psycopg.Connection[Row]") -> bool:
    """Whether an idle session is alive, as far as this end knows: sends nothing."""
    arrived = select.poll()  # and not select(), to which descriptors from 1,024 on are errors
    try:
        arrived.register(connection.fileno(), select.POLLIN)
        while not connection.closed and arrived.poll(0):
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        connection.close()
    return not connection.closed


def is_busy(connection: "psycopg.Connection[Row]") -> bool:
    """Whether a session is in a transaction, which an idle one must not be."""
    return connection.info.transaction_status is not TransactionStatus.IDLE


def is_the_stores(error: psycopg.Error) -> bool:
    """Whether the server or the way to it is to blame, and not the statement."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in STORES_OWN or state in STORES_OWN_STATES


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn an error of the server into a sentence with a cure, and without the password.

    Raises:
        StoreError: The server cannot be reached, or refuses.
        psycopg.Error: A statement is wrong: a bug here.
    """
    try:
        yield
    except psycopg.Error as error:
        if not is_the_stores(error):
            raise
        first = str(error).strip().partition("\n")[0]
        password = urlsplit(url).password or ""
        for secret in filter(None, (password, unquote(password))):
            first = first.replace(secret, "…")
        raise StoreError(f"PostgreSQL: {first}; check DATABASE_URL and the server") from error
