"""A backup: one SQLite file with every row as of one moment, whatever the store itself is on.

A store on SQLite is copied through SQLite's backup API, one on PostgreSQL row by row from one
snapshot; processes go on writing meanwhile. A backup can be restored to either kind of store.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from orchestration.errors import StoreError
from orchestration.ports import Row, Session, Store
from orchestration.store import control, migrate
from orchestration.store.sqlite import TABLES, TYPES
from orchestration.store.sqlite_session import (
    CURE,
    CURES,
    PRIMARY_CODE,
    SqliteSession,
    connect,
    transaction,
)

PAGE = 50  # rows in memory at once; each may be a message of a MiB
VERSIONS = "schema_versions"
CURES_OF_A_FILE = {
    sqlite3.SQLITE_NOTADB: "name a file that `backup` has made",
    sqlite3.SQLITE_CORRUPT: "use another backup",
}
OURS = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def save_sqlite(source: Path, file: Path, now: datetime) -> None:
    """Copy a store on SQLite into a new file.

    Raises:
        StoreError: The file is there already, or cannot be written.
    """
    with made(file, now) as target, closing(connect(source)) as connection:
        connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, and nothing beside it


def save_rows(store: Store, file: Path, now: datetime) -> None:
    """Copy a store on PostgreSQL into a new file.

    Raises:
        StoreError: The file is there already or cannot be written, or only the newer release
            that migrated the store knows every table.
    """
    with made(file, now) as target, transaction(target):
        session = SqliteSession(target)
        migrate.upgrade(session, TABLES, TYPES)
        names = sorted(row[0] for row in session.all(OURS) if row[0] != VERSIONS)

        def copy(source: Session) -> None:
            migrate.require_known(source)
            for name in names:
                copy_table(source, target, name)

        store.read(copy)


def copy_table(source: Session, target: sqlite3.Connection, name: str) -> None:
    """Copy the rows of one table."""
    columns = [row[1] for row in target.execute(f"PRAGMA table_info({name})")]
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"
    for rows in pages(source, name, columns):
        target.executemany(sql, rows)


def pages(source: Session, name: str, columns: Sequence[str]) -> Iterator[list[Row]]:
    """Every row of a table on PostgreSQL, ordered by `ctid`, which is stable within a snapshot."""
    page = (
        f"SELECT CAST(t.ctid AS TEXT), {', '.join(columns)} FROM {name} t"
        " WHERE t.ctid > CAST(? AS tid) ORDER BY t.ctid LIMIT ?"
    )
    last = "(0,0)"
    while rows := source.all(page, last, PAGE):
        yield [row[1:] for row in rows]
        last = rows[-1][0]


@contextmanager
def made(file: Path, now: datetime) -> Iterator[sqlite3.Connection]:
    """A new file, which gets its name only once it is whole, sound and on the disk.

    Raises:
        StoreError: The file is there already, or cannot be written.
    """
    if file.exists():
        raise StoreError(f"{file} is there already: name a new file")
    draft = file.with_name(file.name + ".part")
    try:
        with explained(file):
            os.close(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
            with closing(connect(draft)) as connection:
                yield connection
                control.mark_saved(SqliteSession(connection), now)
                check(connection, file)
            sync(draft)
            draft.rename(file)
            sync(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Check that a file is a store, and sound.

    Raises:
        StoreError: The file is no store, or damaged.
    """
    with explained(file, CURES_OF_A_FILE):
        if connection.execute(TABLES, ("control",)).fetchone() is None:
            raise StoreError(f"{file} is no backup of a store: name a file that `backup` has made")
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise StoreError(f"{file} is damaged ({found}): use another backup")


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(file: Path, cures: Mapping[int, str] = CURES) -> Iterator[None]:
    """Turn an error of SQLite or the file system into one sentence with a cure.

    Args:
        file: The file that the error is about.
        cures: The cure for each of SQLite's primary codes; for all others `CURE`.
    """
    try:
        yield
    except sqlite3.Error as error:
        cure = cures.get(getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE, CURE)
        raise StoreError(f"{file}: {error}; {cure}") from error
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}; {CURE}") from error
