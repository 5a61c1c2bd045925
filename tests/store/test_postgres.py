"""What PostgreSQL asks for beyond the contract of every store."""

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from orchestration.errors import InDoubtError, NotFoundError, StoreError
from orchestration.ports import Session
from orchestration.store.postgres import READERS, PostgresStore
from orchestration.store.postgres_session import WRITERS
from orchestration.store.server import Link
from tests import databases
from tests.store.processes import line, process

pytestmark = pytest.mark.postgres

ADD = "INSERT INTO audit (at, actor, action, subject) VALUES (0, ?, 'test', '')"
NAMES = "SELECT actor FROM audit ORDER BY actor"
ME = "SELECT pg_backend_pid()"
TRANSACTION = "SELECT pg_current_xact_id()::text"
LOCK: LiteralString = f"SELECT pg_advisory_lock({WRITERS}, hashtext(current_schema()))"
UNLOCK: LiteralString = "SELECT pg_advisory_unlock_all()"
OF_WRITERS = (
    f"(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {WRITERS}"
    " AND objid::bigint = hashtext(current_schema())::bigint & 4294967295"
)
CANCEL_WAITER: LiteralString = f"SELECT pg_cancel_backend{OF_WRITERS} AND NOT granted"
END_WRITER: LiteralString = f"SELECT pg_terminate_backend{OF_WRITERS} AND granted"
STOPPED = """
import sys, time
from orchestration.store.postgres import PostgresStore

def stay(session):
    session.one("SELECT 1")
    print("writing", flush=True)
    time.sleep(60)

PostgresStore(sys.argv[1]).write(stay)
"""


@pytest.fixture
def store(shared_schema: str) -> Iterator[PostgresStore]:
    opened = databases.emptied(PostgresStore(shared_schema))
    yield opened
    opened.close()


def one(sql: str) -> Callable[[Session], str]:
    def ask(session: Session) -> str:
        row = session.one(sql)
        assert row is not None
        return str(row[0])

    return ask


def add(name: str) -> Callable[[Session], int]:
    return lambda session: session.changed(ADD, name)


def names(store: PostgresStore) -> list[str]:
    return store.read(lambda s: [row[0] for row in s.all(NAMES)])


def end(pid: str) -> None:
    """Let the server end a session, and return once it has."""
    with psycopg.connect(databases.SERVER, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 20000)", (int(pid),))


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


class Held:
    """Keeps the writer of a store busy until it is let go; what comes meanwhile is one batch."""

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
    """What became of operations that were written in one batch."""
    held = Held(store)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(store.write_many, operations)
        held.let_go()
        return future.result(20)


class TestSessions:
    def test_each_is_named_and_limited(self, store: PostgresStore) -> None:
        asked = "SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN ("
        limits = "'application_name', 'idle_in_transaction_session_timeout', 'lock_timeout')"
        assert store.write(one(asked + limits)) == "orchestration writer 3000 20000"
        assert store.read(one(asked + limits)) == "orchestration reader 60000 20000"

    def test_the_writer_sees_what_others_commit_while_it_waits(self, store: PostgresStore) -> None:
        isolation = one("SELECT current_setting('transaction_isolation')")
        assert store.write(isolation) == "read committed"
        assert store.read(isolation) == "repeatable read"

    def test_one_that_has_ended_is_replaced_before_anybody_notices(
        self, store: PostgresStore
    ) -> None:
        end(store.write(one(ME)))
        end(store.read(one(ME)))
        assert store.write(add("a")) == 1
        assert names(store) == ["a"]

    def test_one_with_a_high_descriptor_is_as_good_as_others(self, shared_schema: str) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 1_200:
            pytest.skip("no descriptor may be as high")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1_200), hard))
        many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_024)]
        link = Link(shared_schema, "test", "0")
        try:
            assert link.ready().fileno() >= 1_024
            assert link.ready() is link.ready()
        finally:
            link.close()
            for descriptor in many:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_one_that_ends_in_a_transaction_is_a_store_error_and_nothing_is_written(
        self, store: PostgresStore
    ) -> None:
        def cut(session: Session) -> None:
            add("a")(session)
            end(one(ME)(session))
            add("b")(session)

        with pytest.raises(StoreError, match="check DATABASE_URL and the server"):
            store.write(cut)
        with pytest.raises(StoreError):
            store.read(cut)
        assert names(store) == []

    def test_reads_do_not_wait_for_the_writer(self, store: PostgresStore) -> None:
        held = Held(store)
        assert names(store) == []
        held.let_go()

    def test_as_many_read_at_once_as_there_are_readers(self, store: PostgresStore) -> None:
        together_now = threading.Barrier(READERS)

        def meet(session: Session) -> str:
            together_now.wait(20)
            return one(ME)(session)

        with ThreadPoolExecutor(READERS) as pool:
            pids = list(pool.map(lambda _: store.read(meet), range(READERS)))
        assert len(set(pids)) == READERS

    def test_a_signal_never_meets_the_main_thread_with_a_reader(self, store: PostgresStore) -> None:
        def refused(_: Session) -> None:
            raise NotFoundError("no such run")

        def here(_: Session) -> int:
            return threading.get_ident()

        readers = {store.read(here) for _ in range(2 * READERS)}
        assert threading.main_thread().ident not in readers
        with pytest.raises(NotFoundError):
            store.read(refused)
        with ThreadPoolExecutor(1) as pool:  # any other thread needs nobody to stand in for it
            assert (
                pool.submit(store.read, here).result(20)
                == pool.submit(threading.get_ident).result()
            )


class TestJourneys:
    def test_a_statement_whose_answer_nobody_awaits_fails_who_made_it(
        self, store: PostgresStore
    ) -> None:
        def wrong(session: Session) -> None:
            session.run("INSERT INTO control (id, store_id) VALUES (7, 'x')")

        def refused(session: Session) -> None:
            wrong(session)
            raise NotFoundError("no such run")

        found = together(store, add("a"), wrong, add("b"), refused, add("c"))
        kinds = int, psycopg.errors.IntegrityError, int, NotFoundError, int
        assert all(map(isinstance, found, kinds))
        assert names(store) == ["a", "b", "c"]
        with pytest.raises(psycopg.errors.IntegrityError):
            store.write(wrong)

    def test_what_follows_sees_what_nobody_has_asked_about(self, store: PostgresStore) -> None:
        def write(session: Session) -> object:
            session.run(ADD, "a")
            changed = session.changed("UPDATE audit SET actor = 'b' WHERE actor = 'a'")
            return changed, session.one("SELECT actor FROM audit")

        assert store.write(write) == (1, ("b",))

    def test_a_percent_sign_means_itself_alone_and_with_others(self, store: PostgresStore) -> None:
        store.write(add("a%b"))
        like = "SELECT actor FROM audit WHERE actor LIKE 'a%' AND action = ?"

        def change(session: Session) -> object:
            session.run("UPDATE audit SET actor = actor || '%' WHERE actor LIKE '%b'")
            return session.all(like, "test")

        assert store.write(change) == [("a%b%",)]
        assert store.read(lambda s: s.all(like, "test")) == [("a%b%",)]

    def test_what_never_left_is_not_in_doubt(self, store: PostgresStore) -> None:
        with pytest.raises(psycopg.DataError):
            store.write(lambda s: s.run(ADD, "no \0 in a text"))
        assert store.write(add("a")) == 1

    def test_one_that_is_stopped_is_waited_for_no_longer_than_it_may_idle(
        self, store: PostgresStore, shared_schema: str
    ) -> None:
        with process(STOPPED, shared_schema) as other:
            assert line(other) == "writing"
            other.send_signal(signal.SIGSTOP)
            assert store.write(add("a")) == 1, "the lock was not to be had for 20 s"
        assert names(store) == ["a"]


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


class TestBatches:
    def test_what_comes_meanwhile_is_written_in_one_transaction(self, store: PostgresStore) -> None:
        found = together(store, *[one(TRANSACTION)] * 10)
        assert len(set(map(str, found))) == 1

    def test_who_fails_in_a_batch_undoes_only_its_own_writes(self, store: PostgresStore) -> None:
        def refused(session: Session) -> None:
            add("refused")(session)
            raise NotFoundError("no such run")

        def wrong(session: Session) -> None:
            add("wrong")(session)
            session.run("SELEC 1")

        found = together(store, add("a"), refused, wrong, add("b"))
        assert (found[0], found[3]) == (1, 1)
        assert isinstance(found[1], NotFoundError)
        assert isinstance(found[2], psycopg.errors.SyntaxError)
        assert names(store) == ["a", "b"]

    def test_a_session_that_ends_is_the_error_of_all(self, store: PostgresStore) -> None:
        def cut(session: Session) -> None:
            end(one(ME)(session))
            add("cut")(session)

        found = together(store, add("a"), cut, add("b"))
        assert [type(each) for each in found] == [StoreError] * 3
        assert names(store) == []


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
