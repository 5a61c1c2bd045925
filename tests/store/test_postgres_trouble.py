"""An answer that is lost, others who write, a statement that is wrong."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from orchestration.errors import InDoubtError, StoreError
from orchestration.ports import Session
from orchestration.store.postgres import PostgresStore
from orchestration.store.postgres_session import WRITERS
from orchestration.store.server import Link
from tests import databases
from tests.store.deeds import ADD, ME, add, names, together

pytestmark = pytest.mark.postgres

LOCK: LiteralString = f"SELECT pg_advisory_lock({WRITERS}, hashtext(current_schema()))"
UNLOCK: LiteralString = "SELECT pg_advisory_unlock_all()"
OF_WRITERS = (
    f"(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {WRITERS}"
    " AND objid::bigint = hashtext(current_schema())::bigint & 4294967295"
)
CANCEL_WAITER: LiteralString = f"SELECT pg_cancel_backend{OF_WRITERS} AND NOT granted"
END_WRITER: LiteralString = f"SELECT pg_terminate_backend{OF_WRITERS} AND granted"


@pytest.fixture
def store(shared_schema: str) -> Iterator[PostgresStore]:
    opened = databases.emptied(PostgresStore(shared_schema))
    yield opened
    opened.close()


@contextmanager
def ending_writers(schema: str) -> Iterator[None]:
    """Somebody ends sessions that write in a schema, again and again."""
    ending = threading.Event()

    def end_them() -> None:
        with psycopg.connect(schema, autocommit=True) as connection:
            while not ending.wait(0.002):
                connection.execute(END_WRITER)

    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(end_them)
        try:
            yield
        finally:
            ending.set()
        ended.result(20)


class TestLostAnswers:
    def test_nothing_is_there_where_that_was_said_and_all_where_it_was_not(
        self, store: PostgresStore, shared_schema: str
    ) -> None:
        said: dict[str, type[Exception] | None] = {}
        with ending_writers(shared_schema):
            for number in range(150):
                said[f"{number:03}"] = self.outcome(store, f"{number:03}")
        found = set(names(store))
        assert {name for name, error in said.items() if error is None} <= found
        assert not {name for name, error in said.items() if error is StoreError} & found
        assert StoreError in said.values() or InDoubtError in said.values()

    @staticmethod
    def outcome(store: PostgresStore, name: str) -> type[Exception] | None:
        def write(session: Session) -> None:
            session.run(ADD, name)
            session.one(ME)
            session.run(ADD, name)

        try:
            store.write(write)
        except (StoreError, InDoubtError) as error:
            return type(error)
        return None

    @pytest.fixture
    def lost_answer(self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let each session of a store that writes end once the server has committed."""
        assert names(store) == []
        execute = psycopg.Connection.execute

        def lossy(connection: Any, query: Any, *more: Any) -> Any:
            cursor = execute(connection, query, *more)
            if query == "COMMIT" and "writer" in connection.info.dsn:
                connection.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return cursor

        monkeypatch.setattr(psycopg.Connection, "execute", lossy)

    @pytest.mark.usefixtures("lost_answer")
    def test_a_commit_of_which_no_answer_comes_is_in_doubt_and_never_made_twice(
        self, store: PostgresStore
    ) -> None:
        found = together(store, add("a"), add("b"))
        assert [type(each) for each in found] == [InDoubtError] * 2
        assert names(store) == ["a", "b"]

    def test_a_commit_that_the_server_refuses_is_not_in_doubt(self, store: PostgresStore) -> None:
        def write(session: Session) -> None:
            session.run("CREATE TEMPORARY TABLE late (a INT UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            session.run("INSERT INTO late VALUES (1), (1)")

        with pytest.raises(psycopg.errors.UniqueViolation):
            store.write(write)
        assert store.write(add("a")) == 1


class TestOtherWriters:
    @pytest.fixture
    def other(self, shared_schema: str) -> Iterator[psycopg.Connection]:
        """A session of another process."""
        with psycopg.connect(shared_schema, autocommit=True) as connection:
            yield connection

    def test_who_gave_up_waiting_for_them_writes_once_they_have_done(
        self, store: PostgresStore, other: psycopg.Connection
    ) -> None:
        store.write(lambda s: s.run("SET lock_timeout = '200ms'"))
        other.execute(LOCK)
        with pytest.raises(StoreError, match="lock timeout"):
            store.write(add("a"))
        other.execute(UNLOCK)
        assert store.write(add("b")) == 1
        assert names(store) == ["b"]

    def test_who_was_cancelled_while_it_waited_writes_once_they_have_done(
        self, store: PostgresStore, other: psycopg.Connection
    ) -> None:
        other.execute(LOCK)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.write, add("a"))
            while other.execute(CANCEL_WAITER).fetchone() is None:
                assert not waiting.done()
            with pytest.raises(StoreError, match="canceling statement"):
                waiting.result(20)
        other.execute(UNLOCK)
        assert store.write(add("b")) == 1
        assert names(store) == ["b"]

    def test_a_session_that_was_left_in_a_transaction_is_used_by_nobody(
        self, shared_schema: str
    ) -> None:
        link = Link(shared_schema, "writer", "3s")
        left = link.ready()
        with pytest.raises(psycopg.errors.DivisionByZero):
            left.execute("BEGIN; SELECT 1 / 0")
        assert link.ready() is not left
        assert left.closed
        assert link.ready() is link.ready()
        link.close()


class TestBlame:
    @pytest.mark.parametrize(
        ("sql", "kind"),
        [
            ("SELEC 1", psycopg.errors.SyntaxError),
            ("SELECT * FROM nothing", psycopg.errors.UndefinedTable),
            ("INSERT INTO control (id, store_id) VALUES (7, 'x')", psycopg.errors.CheckViolation),
            ("SELECT 'x'::integer", psycopg.DataError),
        ],
    )
    def test_a_wrong_statement_is_a_bug_of_ours(
        self, store: PostgresStore, sql: str, kind: type[Exception]
    ) -> None:
        with pytest.raises(kind):
            store.write(lambda s: s.run(sql))
        assert store.write(add("a")) == 1

    def test_a_wrong_question_is_a_bug_of_ours(self, store: PostgresStore) -> None:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            store.read(lambda s: s.all("SELECT nothing FROM audit"))
        assert names(store) == []

    @pytest.mark.parametrize(
        "code", ["53100", "57014", "40001", "55P03", "42501", "25P02", "25P04", "XX000"]
    )
    def test_what_the_server_cannot_do_now_is_the_stores(
        self, store: PostgresStore, code: str
    ) -> None:
        raising = f"DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{code}'; END $$"
        with pytest.raises(StoreError, match="not now; check DATABASE_URL and the server"):
            store.write(lambda s: s.run(raising))
        assert store.write(add("a")) == 1
