"""A PostgreSQL schema of one's own, for as long as a test needs it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from orchestration.store.postgres import PostgresStore

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
            connection.execute(f"DROP SCHEMA {name} CASCADE")


def emptied(store: PostgresStore) -> PostgresStore:
    """A store without any row: quicker than a new one for each test."""
    tables = store.read(
        lambda s: s.all(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = current_schema() AND table_name <> 'schema_versions'"
        )
    )
    store.write(lambda s: [s.run(f"DELETE FROM {table}") for (table,) in tables])
    return store
