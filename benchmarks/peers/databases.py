"""A schema of one's own in PostgreSQL."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

ADDRESS = "postgresql://postgres@127.0.0.1:5432/test"


@contextmanager
def schema() -> Iterator[str]:
    """The address of a new schema, which is gone afterwards."""
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(ADDRESS, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            yield f"{ADDRESS}?options=-csearch_path%3D{name}"
        finally:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
