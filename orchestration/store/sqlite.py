"""The store on SQLite: one writer at a time, a fair lock between processes.

WAL with synchronous=FULL: a write is on disk when `write` returns. The first of several threads
takes the lock, runs all queued operations in one transaction, commits, and then lets the others go.
Checkpoints run under the lock, since SQLite before 3.51.3 can corrupt a WAL when two connections
checkpoint at once.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from orchestration.clock import SystemClock
from orchestration.errors import InDoubtError, PermanentError, StoreError
from orchestration.ports import Clock, Session, Size, Store
from orchestration.store import migrate
from orchestration.store.group import CLOSED, NESTED, Group, Work, outcome_of
from orchestration.store.lock import WriteLock
from orchestration.store.sqlite_session import (
    PATIENCE_S,
    SqliteSession,
    connect,
    explained,
    is_busy,
    run_all,
    transaction,
)

T = TypeVar("T")
TABLES = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
TYPES = {"serial": "INTEGER PRIMARY KEY AUTOINCREMENT", "object": "json_group_object"}
COMMITS_PER_CHECKPOINT = 256
COMMITS_TO_A_LOOK = 32
CHANGES_PER_CHECKPOINT = 5_000  # rows: few enough that others can wait while they are moved
LONG_LOG = 4_096  # pages of 4 KiB
MOST_WAIT_MS = 50
WRITER_CACHE_KIB = 16_384  # the inner pages of every index of a million runs
MEMORY = Path(":memory:")


class SqliteStore:
    """A store in one file, shared by the processes of one machine.

    Args:
        path: The file; its directory must exist.
        create: Whether to make and migrate a store that is missing or empty.
        old: Whether to open a store that must be migrated first.

    Raises:
        StoreError: The file cannot be opened or is no store.
        StoreTooNewError: It was migrated by a newer release.
        StoreTooOldError: It must be migrated first.
    """

    def __init__(self, path: Path, *, create: bool = True, old: bool = False) -> None:
        self.clock: Clock = SystemClock()
        self._path = path
        self._counter: sqlite3.Connection | None = None
        self._counting = threading.Lock()
        self._free_readers: deque[sqlite3.Connection] = deque()
        self._open_readers: list[sqlite3.Connection] = []
        self._group = Group(self._commit, self._locked)
        self._closed = threading.Event()
        self._commits = self._moved = 0
        self._next_checkpoint = COMMITS_TO_A_LOOK
        with explained(path, OSError), ExitStack() as undo:
            self._lock = WriteLock(path.with_name(path.name + ".lock"))
            undo.callback(self._lock.close)
            self._connection = undo.enter_context(closing(connect(path)))
            self._connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")
            self._prepare(create=create, old=old)
            undo.pop_all()
        self._guard = threading.Thread(target=self._watch_lock, name="store-guard", daemon=True)
        self._guard.start()

    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the operation in a transaction; on disk when it returns.

        Raises:
            StoreError: Nothing was written; repeat it later.
            InDoubtError: It is not known whether it was written.
        """
        (outcome,) = self._group.do([operation])
        if isinstance(outcome, BaseException):
            raise outcome
        written: T = outcome
        return written

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Run each operation as `write` would, in as few commits as can be."""
        return self._group.do(operations)

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation on one snapshot, on a connection that no other thread uses meanwhile.

        Raises:
            StoreError: The store could not be read now.
        """
        with explained(self._path), self._reader() as connection:
            try:
                connection.execute("BEGIN")
                return operation(SqliteSession(connection))
            finally:
                if connection.in_transaction:  # a signal may have raised before BEGIN
                    connection.execute("ROLLBACK")

    def missing(self) -> list[str]:
        """The titles of the migrations that this release would apply."""
        left = self.read(lambda s: migrate.pending(migrate.current(s, TABLES)))
        return [each.title for each in left]

    def migrate(self) -> list[str]:
        """Apply the migrations of this release that are missing, and return their titles."""
        return self.write(lambda s: migrate.upgrade(s, TABLES, TYPES))

    @property
    def aside(self) -> Store:
        """This store: no thread waits for another's connection."""
        return self

    def writer_for(self, seconds: float) -> int | None:
        """The process that holds the lock, if it does not release it within so many seconds."""
        return self._lock.holder_for(seconds)

    def disk_use(self) -> Size:
        """The bytes of the database file, and of the WAL beside it."""
        with explained(self._path, OSError):
            log = self._path.with_name(self._path.name + "-wal")
            return Size(self._path.stat().st_size, log.stat().st_size if log.exists() else 0)

    def change_count(self) -> int:
        """A number that changes when any process has committed; cheap to read."""
        with explained(self._path), self._counting:
            self._counter = self._counter or self._new_reader()
            return int(self._counter.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Finish the queued operations, and close every connection."""
        self._group.close()
        if self._closed.is_set():
            return
        with self._locked():  # since the last connection to close makes a checkpoint
            self._closed.set()
            for connection in (*self._open_readers, self._connection):
                connection.close()
        self._guard.join()
        self._lock.close()

    def _watch_lock(self) -> None:
        """Check, now and then, that no stopped process keeps us waiting for the lock."""
        while not self._closed.wait(PATIENCE_S):
            if self._lock.is_awaited:
                self._lock.end_stopped_holder()

    def _prepare(self, *, create: bool, old: bool) -> None:
        session = SqliteSession(self._connection)
        found = migrate.current(session, TABLES)
        if found.version == 0:
            if not create:
                raise StoreError(f"{self._path} is no store yet: run `orchestrate migrate`")
            self._create(session)
        elif not old:
            migrate.require_current(found)

    def _create(self, session: SqliteSession) -> None:
        with self._locked():
            self._connection.execute("PRAGMA journal_mode=WAL")
            with transaction(self._connection):
                migrate.upgrade(session, TABLES, TYPES)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with explained(self._path, OSError):
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection to read by; there are as many as reads at once, however many threads."""
        self._require_open()
        try:
            connection = self._free_readers.pop()
        except IndexError:
            connection = self._new_reader()
        try:
            yield connection
        finally:
            self._free_readers.append(connection)

    def _new_reader(self) -> sqlite3.Connection:
        self._require_open()
        connection = connect(self._path)
        self._open_readers.append(connection)
        if self._closed.is_set():  # `close` may not have seen it
            connection.close()
        self._require_open()
        connection.execute("PRAGMA query_only=ON")
        return connection

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise StoreError(CLOSED)

    def _commit(self, batch: Sequence[Work]) -> None:
        """Run a batch in one transaction; if that fails, each operation alone.

        If a writer that does not know our lock keeps the file busy, no operation would fare better
        alone: each would wait as long again, and all other processes with it. An operation in doubt
        may be written, so only its caller may run it again.
        """
        try:
            outcomes = self._attempt(batch)
        except InDoubtError as error:
            outcomes = [error] * len(batch)
        except StoreError as error:
            if len(batch) > 1 and not is_busy(error.__cause__):
                for work in batch:
                    self._commit([work])
                return
            outcomes = [error] * len(batch)
        for work, outcome in zip(batch, outcomes, strict=True):
            work.outcome = outcome
        self._commits += 1
        unmoved = self._connection.total_changes - self._moved
        if self._commits >= self._next_checkpoint or unmoved >= CHANGES_PER_CHECKPOINT:
            self._checkpoint()

    def _attempt(self, batch: Sequence[Work]) -> list[Any]:
        with explained(self._path):
            return run_all(self._connection, [work.operation for work in batch])

    def _checkpoint(self) -> None:
        """Move the WAL into the file; if the disk has no room now, the next checkpoint does it.

        While there is a reader at every moment, SQLite never restarts the WAL, and it grows: once
        it is long, the present readers are waited for; new ones read the file. What other processes
        have written is only seen here, so the first checkpoint comes soon, as does the one after a
        long WAL.
        """
        self._next_checkpoint = self._commits + COMMITS_TO_A_LOOK
        self._moved = self._connection.total_changes
        with suppress(StoreError), explained(self._path):
            _, long, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if long < LONG_LOG:
                self._next_checkpoint = self._commits + COMMITS_PER_CHECKPOINT
            else:
                self._connection.execute(f"PRAGMA busy_timeout={MOST_WAIT_MS}")
                try:
                    self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                finally:
                    self._connection.execute(f"PRAGMA busy_timeout={1_000 * PATIENCE_S:.0f}")


class MemoryStore:
    """A store in memory that runs everything in the caller's thread: for tests and simulation."""

    def __init__(self) -> None:
        self.clock: Clock = SystemClock()
        self._connection = connect(":memory:")
        self._mutex = threading.RLock()
        new_store().backup(self._connection)

    def write(self, operation: Callable[[Session], T]) -> T:
        """Run the operation in a transaction."""
        with self._mutex, explained(MEMORY):
            if self._connection.in_transaction:
                raise PermanentError(NESTED)
            (outcome,) = run_all(self._connection, [operation])
        if isinstance(outcome, Exception):
            raise outcome
        written: T = outcome
        return written

    def write_many(self, operations: Sequence[Callable[[Session], T]]) -> list[T | Exception]:
        """Run each operation as `write` would."""
        return [outcome_of(partial(self.write, operation)) for operation in operations]

    def read(self, operation: Callable[[Session], T]) -> T:
        """Run the operation between two transactions."""
        with self._mutex, explained(MEMORY):
            return operation(SqliteSession(self._connection))

    @property
    def aside(self) -> Store:
        """This store."""
        return self

    def writer_for(self, _seconds: float, /) -> None:
        """None: no other process can write."""

    def disk_use(self) -> Size:
        """The bytes of its pages."""
        ((pages,),) = self.read(lambda s: s.all("PRAGMA page_count"))
        ((bytes_,),) = self.read(lambda s: s.all("PRAGMA page_size"))
        return Size(pages * bytes_)

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


@cache
def new_store() -> sqlite3.Connection:
    """An empty store in memory, migrated once; each `MemoryStore` begins as a copy of it."""
    connection = connect(":memory:")
    migrate.upgrade(SqliteSession(connection), TABLES, TYPES)
    return connection
