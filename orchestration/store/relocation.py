"""Moves a stopped SQLite store into an empty PostgreSQL one: every row, or none.

All rows are copied in one transaction of the target, under the source's write lock: nothing is
written meanwhile, and a copy that breaks off leaves no half of a store. It leaves a mark, set
before, that the target is unfinished, so that no process makes a new, empty store there unasked.
Afterwards the source says where its runs have gone, and takes no new ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import sql

from orchestration.errors import StoreError
from orchestration.ports import Locks, Session
from orchestration.store import migrate, restoration, workers
from orchestration.store.backup import OURS
from orchestration.store.postgres import TABLES, TYPES
from orchestration.store.postgres_session import BEGIN_WRITE, PostgresSession, transaction
from orchestration.store.server import Link, explained
from orchestration.store.sqlite import SqliteStore

PAGE = 50  # rows in memory at once; each may be a message of a MiB
VERSIONS = "schema_versions"
NO_NEW_ROWS = ("runs", "workers")  # for processes that have opened the old store before
LISTED = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
COLUMNS = (
    "SELECT column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position"
)


class Relocation:
    """The move of one store.

    Args:
        source: The store to leave.
        locks: Its locks, each held by a worker that is still live there.
        url: An empty PostgreSQL database, or an empty schema of one.
        place: The target's address for people, without a password.
    """

    def __init__(self, source: SqliteStore, locks: Locks, url: str, place: str) -> None:
        self._source = source
        self._locks = locks
        self._url = url
        self._place = place
        self._link = Link(url, "relocation", "0")

    def move(self) -> Mapping[str, int]:
        """Copy every row; return the number of rows by table.

        Raises:
            StoreInUseError: Workers are live: stop them.
            StoreError: The target is not empty, or one of the two cannot be used now.
        """
        try:
            self._source.read(self._refuse_workers)
            self._source.read(migrate.require_known)
            with explained(self._url):
                self._mark()
            return self._source.write(self._copy)
        finally:
            self._link.close()

    def _mark(self) -> None:
        with transaction(self._link, BEGIN_WRITE) as target:
            if tables := self._foreign(target):
                raise StoreError(
                    f"{self._place} is not empty, it has the table {tables[0]}:"
                    " name an empty database, or a schema of its own"
                )
            if target.one(TABLES, VERSIONS) is None:
                migrate.close(
                    target,
                    f"{self._place} is unfinished, a move into it was broken off:"
                    " repeat `orchestrate migrate --to …` from the old store",
                )

    def _foreign(self, target: Session) -> list[str]:
        """The tables of the target, except the mark that a broken move left."""
        found = sorted(row[0] for row in target.all(LISTED))
        marked = VERSIONS in found and migrate.closed(target) is not None
        return [name for name in found if not (marked and name == VERSIONS)]

    def _copy(self, source: Session) -> Mapping[str, int]:
        self._refuse_workers(source)
        with explained(self._url), transaction(self._link, BEGIN_WRITE) as target:
            target.run(f"DROP TABLE {VERSIONS}")
            copied = fill(source, target)
            target.run("UPDATE control SET place = ? WHERE id = 1", self._place)
        self._leave(source)
        return copied

    def _refuse_workers(self, source: Session) -> None:
        workers.refuse_live(source, self._locks, "then move it")

    def _leave(self, source: Session) -> None:
        where = f"this store was moved to {self._place}: set DATABASE_URL to that"
        migrate.close(source, where)
        quoted = where.replace("'", "''")
        for name in NO_NEW_ROWS:
            source.run(
                f"CREATE TRIGGER {name}_moved BEFORE INSERT ON {name}"
                f" BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
            )


def load(source: SqliteStore, locks: Locks, url: str, place: str, *, replace: bool) -> None:
    """Copy a store that no process uses, all or nothing, and leave it unchanged.

    Args:
        source: The store, of this release.
        locks: Of the workers at the target.
        url: A PostgreSQL database, or a schema of one.
        place: The target's address for people, without a password.
        replace: Whether an existing store there is replaced.

    Raises:
        StoreInUseError: Workers live there.
        StoreError: A store exists there, or PostgreSQL cannot be used now.
    """
    link = Link(url, "restore", "0")
    ours = {row[0] for row in source.read(lambda s: s.all(OURS))}
    try:
        with explained(url), transaction(link, BEGIN_WRITE) as target:
            there = ours & {row[0] for row in target.all(LISTED)}
            if there and not replace:
                raise StoreError(f"{place} holds a store: `--replace` gives it up for the backup")
            if "workers" in there:
                workers.refuse_live(target, locks, restoration.WHY)
            for name in sorted(there):
                target.run(f"DROP TABLE {name}")
            source.read(lambda s: fill(s, target))
    finally:
        link.close()


def fill(source: Session, target: PostgresSession) -> Mapping[str, int]:
    """Make every table, and copy its rows; return the number of rows by table."""
    migrate.upgrade(target, TABLES, TYPES)
    tables = sorted(row[0] for row in target.all(LISTED) if row[0] != VERSIONS)
    copied = {name: copy_table(source, target, name) for name in tables}
    target.run(f"ANALYZE {', '.join(tables)}")
    return copied


def copy_table(source: Session, target: PostgresSession, name: str) -> int:
    """Copy the rows of one table, and let its ids go on from the old store's."""
    columns = [row[0] for row in target.all(COLUMNS, name)]
    words = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = target.copy(words, rows_of(source, name, columns))
    last = source.one("SELECT seq FROM sqlite_sequence WHERE name = ?", name)
    if last is not None:
        target.number_from(name, last[0])
    return count


def rows_of(source: Session, name: str, columns: Sequence[str]) -> Iterator[list[Any]]:
    """Every row of a table, a page at a time."""
    page = f"SELECT rowid, {', '.join(columns)} FROM {name} WHERE rowid > ? ORDER BY rowid LIMIT ?"
    last = -(2**63)
    while rows := source.all(page, last, PAGE):
        yield from ([storable(value) for value in row[1:]] for row in rows)
        last = rows[-1][0]


def storable(value: Any) -> Any:
    """A value that PostgreSQL accepts: it allows no NUL in a text."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value
