"""Numbered SQL files, applied once each and in order."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple

from orchestration.errors import StoreError, StoreTooNewError, StoreTooOldError
from orchestration.ports import Session

VERSIONS = "CREATE TABLE IF NOT EXISTS schema_versions (version INTEGER, name TEXT)"
CLOSED = -1  # the version of a row that says, as its name, why nobody may use the store


class Migration(NamedTuple):
    """One file of `store/migrations`."""

    version: int
    name: str
    sql: str

    @property
    def title(self) -> str:
        """The name of its file, without the ending."""
        return f"{self.version:04d}_{self.name}"


@cache
def known() -> list[Migration]:
    """Every migration of this release, oldest first."""
    files = resources.files("orchestration.store").joinpath("migrations").iterdir()
    return sorted(
        Migration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in files
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name))
    )


def current(session: Session, tables: str) -> int:
    """The version of the store's schema; 0 for an empty one.

    Args:
        session: Any session.
        tables: The dialect's query that yields a row if the first argument is a table.

    Raises:
        StoreError: The store was closed for good, or is not finished yet; it says so.
    """
    if session.one(tables, "schema_versions") is None:
        return 0
    if why := closed(session):
        raise StoreError(why)
    row = session.one("SELECT MAX(version) FROM schema_versions")
    return int(row[0]) if row and row[0] else 0


def closed(session: Session) -> str | None:
    """Why nobody may use the store; None: everybody may."""
    row = session.one("SELECT name FROM schema_versions WHERE version = ?", CLOSED)
    return row[0] if row else None


def close(session: Session, why: str) -> None:
    """Let nobody use the store from now on.

    Args:
        session: Any session.
        why: What everybody is told: a sentence that says what to do.
    """
    session.run(VERSIONS)
    session.run("INSERT INTO schema_versions (version, name) VALUES (?, ?)", CLOSED, why)


def pending(version: int) -> list[Migration]:
    """What is left to apply on a store of this version.

    Raises:
        StoreTooNewError: The store has migrations that this release does not know.
    """
    newest = known()[-1].version
    if version > newest:
        raise StoreTooNewError(
            f"the store has schema {version}, this release knows {newest}:"
            " run the release that migrated it, or restore a backup"
        )
    return [migration for migration in known() if migration.version > version]


def is_ahead(session: Session) -> bool:
    """Whether a newer release has migrated the store since this process opened it."""
    row = session.one("SELECT MAX(version) FROM schema_versions")
    return row is not None and int(row[0]) > known()[-1].version


def require_current(version: int) -> None:
    """Refuse a store that this release would misread.

    Raises:
        StoreTooNewError: It was migrated by a newer release.
        StoreTooOldError: It must be migrated first.
    """
    if left := pending(version):
        raise StoreTooOldError(
            f"the store has schema {version}, this release needs {left[-1].version}:"
            " stop the fleet and run `orchestrate migrate`"
        )


def upgrade(session: Session, tables: str, types: Mapping[str, str]) -> list[str]:
    """Apply what is missing, all or nothing, and tell what it was.

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
        migration.name,
    )
