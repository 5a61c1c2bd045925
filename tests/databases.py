"""A PostgreSQL schema of a test's own."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from orchestration.errors import StoreError
from orchestration.ports import Session
from orchestration.store.postgres import PostgresStore
from orchestration.store.revival import NUMBERED

SERVER = "postgresql://postgres@127.0.0.1/test"


@contextmanager
def schema() -> Iterator[str]:
    """The address of an empty schema, dropped at the end; without a server the test is skipped."""
    name = f"test_{secrets.token_hex(6)}"
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL server answers at {SERVER}: {error}")
    with connection:
        connection.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{SERVER}?options=-csearch_path%3D{name}%20-csynchronous_commit%3Doff"
        finally:
            drop(connection, name)


def drop(connection: psycopg.Connection[Any], name: str) -> None:
    """Drop a schema; sessions of killed processes may still read from it for a moment."""
    for attempts_left in reversed(range(10)):
        try:
            connection.execute(f"DROP SCHEMA {name} CASCADE")
        except psycopg.errors.DeadlockDetected:
            if not attempts_left:
                raise
        else:
            return


class Kept:
    """One store for many tests, one after the other: opening its sessions takes longer than a test.

    Args:
        url: Its address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: PostgresStore | None = None

    @contextmanager
    def lent(self) -> Iterator[PostgresStore]:
        """The store without rows; a new one if the test before has closed it."""
        if self._store is not None:
            try:
                emptied(self._store)
            except StoreError:
                self._store = None
        if self._store is None:
            self._store = emptied(PostgresStore(self._url))
        clock = self._store.clock
        try:
            yield self._store
        finally:
            self._store.clock = clock

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()


def emptied(store: PostgresStore) -> PostgresStore:
    """The store without its rows, and with all numbers reset: quicker than a new one for each."""
    tables = store.read(
        lambda s: s.all(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = current_schema() AND table_name <> 'schema_versions'"
        )
    )

    def empty(session: Session) -> None:
        for (table,) in tables:
            session.run(f"DELETE FROM {table}")
        for table in NUMBERED:
            session.number_from(table, 1)

    store.write(empty)
    return store
