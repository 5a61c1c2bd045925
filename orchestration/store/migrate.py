"""Numbered SQL files, applied once each and in order.

Most only add, so older releases go on working on a migrated store. A file that begins with
`-- breaking` does more: no older release may use the store from then on.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from orchestration.errors import StoreError, StoreTooNewError, StoreTooOldError
from orchestration.ports import Session

VERSIONS = "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER, name TEXT)"
BREAKING = "!"  # before the name of a migration that an older release must know
CLOSED = -1  # the version of a row whose name says why no process may use the store


class Migration(NamedTuple):
    """One file of `store/migrations`."""

    version: int
    name: str
    sql: str

    @property
    def title(self) -> str:
        """The name of its file, without the suffix."""
        return f"{self.version:04d}_{self.name}"

    @property
    def breaks(self) -> bool:
        """Whether an older release would misread the store afterwards."""
        return self.sql.startswith("-- breaking")


class Schema(NamedTuple):
    """Which migrations a store has.

    Attributes:
        version: The newest one; 0: the store is empty.
        floor: The newest one that a release must know to use the store.
    """

    version: int = 0
    floor: int = 0


@cache
def known() -> list[Migration]:
    """Every migration of this release, oldest first."""
    files = resources.files("orchestration.store").joinpath("migrations").iterdir()
    return sorted(
        Migration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in files
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name))
    )


def current(session: Session, tables: str) -> Schema:
    """The schema of the store.

    Args:
        session: Any session.
        tables: The dialect's query that yields a row if the first argument is a table.

    Raises:
        StoreError: The store was closed for good, or is unfinished, for the reason stored in it.
    """
    if session.one(tables, "schema_versions") is None:
        return Schema()
    if why := closed(session):
        raise StoreError(why)
    return schema(session)


def schema(session: Session) -> Schema:
    """The schema of a store that is not empty."""
    row = session.one(
        "SELECT COALESCE(MAX(version), 0), COALESCE(MAX(CASE WHEN SUBSTR(name, 1, 1) = ?"
        " THEN version END), 0) FROM schema_versions",
        BREAKING,
    )
    return Schema(*map(int, row or ()))


def closed(session: Session) -> str | None:
    """Why no process may use the store; None: any may."""
    row = session.one("SELECT name FROM schema_versions WHERE version = ?", CLOSED)
    return row[0] if row else None


def close(session: Session, why: str) -> None:
    """Let no process use the store from now on.

    Args:
        session: Any session.
        why: The error message for every process: a sentence that says what to do.
    """
    session.run(VERSIONS)
    session.run("INSERT INTO schema_versions (version, name) VALUES (?, ?)", CLOSED, why)


def pending(found: Schema) -> list[Migration]:
    """The migrations that are left to apply to a store.

    Raises:
        StoreTooNewError: A newer release has migrated the store, and this one would misread it.
    """
    newest = known()[-1].version
    if found.floor > newest:
        raise StoreTooNewError(
            f"the store has schema {found.floor}, this release knows {newest}:"
            " run the release that migrated it, or restore a backup"
        )
    return [migration for migration in known() if migration.version > found.version]


def is_beyond(session: Session) -> bool:
    """Whether a newer release has changed the store so that this one would misread it."""
    return schema(session).floor > known()[-1].version


def require_known(session: Session) -> None:
    """Refuse a store of which this release does not know every table: to copy it takes that.

    Raises:
        StoreTooNewError: A newer release has migrated the store.
    """
    version, newest = schema(session).version, known()[-1].version
    if version > newest:
        raise StoreTooNewError(
            f"the store has schema {version}, and this release knows only {newest} of it:"
            " do this with the release that migrated it"
        )


def require_current(found: Schema) -> None:
    """Refuse a store that this release would misread.

    Raises:
        StoreTooNewError: The store was migrated by a newer release.
        StoreTooOldError: The store must be migrated first.
    """
    if left := pending(found):
        raise StoreTooOldError(
            f"the store has schema {found.version}, this release needs {left[-1].version}:"
            " run `orchestrate migrate`"
        )


def upgrade(session: Session, tables: str, types: Mapping[str, str]) -> list[str]:
    """Apply the missing migrations, all or none, and return their titles.

    Raises:
        StoreTooNewError: The store has migrations that this release does not know.
    """
    session.run(VERSIONS)
    left = pending(current(session, tables))
    for migration in left:
        apply(session, migration, types)
    return [migration.title for migration in left]


def apply(session: Session, migration: Migration, types: Mapping[str, str]) -> None:
    """Run one migration inside the caller's transaction."""
    sql = re.sub(r"--[^\n]*", "", migration.sql)
    for name, type_ in types.items():
        sql = sql.replace("{" + name + "}", type_)
    for statement in filter(None, map(str.strip, sql.split(";"))):
        session.run(statement)
    session.run(
        "INSERT INTO schema_versions (version, name) VALUES (?, ?)",
        migration.version,
        f"{BREAKING if migration.breaks else ''}{migration.name}",
    )
