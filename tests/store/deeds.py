"""Operations of tests on a store: names are added and read, alone or many in a batch."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from orchestration.errors import StoreError
from orchestration.ports import Session, Store
from orchestration.store.postgres import PostgresStore

WRONG = (sqlite3.Error, psycopg.Error, StoreError)  # the errors of a wrong statement
ADD = "INSERT INTO audit (at, actor, action, subject) VALUES (0, ?, 'test', '')"
NAMES = "SELECT actor FROM audit ORDER BY actor"
ME = "SELECT pg_backend_pid()"


def one(sql: str) -> Callable[[Session], str]:
    def ask(session: Session) -> str:
        row = session.one(sql)
        assert row is not None
        return str(row[0])

    return ask


def add(name: str) -> Callable[[Session], int]:
    return lambda session: session.changed(ADD, name)


def names(store: Store) -> list[str]:
    return store.read(lambda session: [row[0] for row in session.all(NAMES)])


class Held:
    """Keeps a store's writer busy until it is let go; operations of the meantime are one batch."""

    def __init__(self, store: PostgresStore) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._pool.submit(store.write, self._wait)
        assert self._begun.wait(20)

    def _wait(self, _: Session) -> None:
        self._begun.set()
        assert self._go.wait(20)

    def let_go(self) -> None:
        self._go.set()
        self._pool.shutdown()


def together(
    store: PostgresStore, *operations: Callable[[Session], object]
) -> list[object | Exception]:
    """The outcomes of operations that are written in one batch."""
    held = Held(store)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(store.write_many, operations)
        held.let_go()
        return future.result(20)
