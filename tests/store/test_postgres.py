"""What PostgreSQL asks for beyond the contract of every store."""

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from orchestration.errors import NotFoundError, StoreError
from orchestration.ports import Session
from orchestration.store.postgres import READERS, PostgresStore
from orchestration.store.postgres_session import translated
from orchestration.store.server import Link
from tests import databases
from tests.store.deeds import ADD, ME, Held, add, names, one, together
from tests.store.processes import line, process

pytestmark = pytest.mark.postgres

TRANSACTION = "SELECT pg_current_xact_id()::text"
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


def end(pid: str) -> None:
    """Let the server end a session, and return once it has."""
    with psycopg.connect(databases.SERVER, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 20000)", (int(pid),))


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

    def test_however_many_read_aside_a_worker_can_read(self, store: PostgresStore) -> None:
        begun, go = threading.Semaphore(0), threading.Event()

        def stay(_: Session) -> None:
            begun.release()
            assert go.wait(20)

        with ThreadPoolExecutor(2 * READERS) as pool:
            staying = [pool.submit(store.aside.read, stay) for _ in range(2 * READERS - 1)]
            assert all(begun.acquire(timeout=20) for _ in range(READERS - 1))
            try:
                assert pool.submit(store.read, one("SELECT 1")).result(5) == "1"
            finally:
                go.set()
            for each in staying:
                each.result(20)

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

    def test_what_is_sent_together_is_kept_nowhere(self, store: PostgresStore) -> None:
        """A fan-out is one text of many statements, and each width would be another text."""

        def many(count: int) -> Callable[[Session], None]:
            def operation(session: Session) -> None:
                for _ in range(count):
                    session.run(ADD, "many")

            return operation

        store.write(many(2))
        before = translated.cache_info().currsize
        store.write(many(3))
        store.write(many(4))
        assert translated.cache_info().currsize == before

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
