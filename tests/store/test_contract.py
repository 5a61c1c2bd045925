"""What every store promises, whatever is behind it."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestration.errors import NotFoundError, PermanentError, StoreError
from orchestration.ports import Session, Store
from tests.store.deeds import NAMES, WRONG, add, names


class TestSession:
    def test_changed_tells_how_many_rows_changed(self, store: Store) -> None:
        assert store.write(add("a")) == 1
        assert store.write(add("a")) == 1
        change = "UPDATE audit SET actor = ? WHERE actor = ?"
        assert store.write(lambda s: s.changed(change, "b", "a")) == 2
        assert store.write(lambda s: s.changed(change, "b", "a")) == 0

    def test_one_is_the_first_row_or_none(self, store: Store) -> None:
        store.write(add("b"))
        store.write(add("a"))
        assert store.read(lambda s: s.one(NAMES)) == ("a",)
        assert store.read(lambda s: s.one("SELECT 1 FROM audit WHERE actor = ?", "x")) is None

    def test_all_is_every_row(self, store: Store) -> None:
        store.write(lambda s: [add(name)(s) for name in "cab"])
        assert names(store) == ["a", "b", "c"]

    def test_text_comes_back_as_it_was(self, store: Store) -> None:
        odd = "ümläut 🚚 'quoted' \"twice\" 100 % ? back\\slash\nline"
        store.write(add(odd))
        assert names(store) == [odd]


class TestWriting:
    def test_a_write_returns_what_its_operation_does(self, store: Store) -> None:
        assert store.write(lambda _: "done") == "done"

    def test_an_operation_sees_its_own_writes(self, store: Store) -> None:
        assert store.write(lambda s: (add("a")(s), s.one(NAMES))) == (1, ("a",))

    @pytest.mark.parametrize(
        "error",
        [NotFoundError("no such run"), ZeroDivisionError(), TimeoutError(), OSError("elsewhere")],
        ids=lambda error: type(error).__name__,
    )
    def test_an_operation_that_raises_writes_nothing(self, store: Store, error: Exception) -> None:
        def operation(session: Session) -> None:
            add("a")(session)
            raise error

        with pytest.raises(type(error)) as caught:
            store.write(operation)
        assert caught.value is error
        assert names(store) == []
        store.write(add("b"))
        assert names(store) == ["b"]

    @pytest.mark.parametrize(
        "wrong", ["SELEC 1", "INSERT INTO control (id, store_id) VALUES (7, 'x')"]
    )
    @pytest.mark.parametrize("how", ["run", "changed", "one"])
    def test_an_operation_whose_sql_fails_writes_nothing(
        self, store: Store, wrong: str, how: str
    ) -> None:
        with pytest.raises(WRONG):
            store.write(lambda s: (add("a")(s), getattr(s, how)(wrong)))
        assert names(store) == []
        store.write(add("b"))
        assert names(store) == ["b"]

    def test_who_fails_takes_nobody_along(self, store: Store) -> None:
        def refused(session: Session) -> None:
            add("refused")(session)
            raise NotFoundError("no such run")

        def broken(session: Session) -> None:
            add("broken")(session)
            session.run("SELEC 1")

        operations = [*(add(f"{number:02}") for number in range(20)), refused, broken]
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(store.write, operation) for operation in operations]
        failed = [future.exception() for future in futures if future.exception()]
        refusal, mistake = failed
        assert isinstance(refusal, NotFoundError)
        assert isinstance(mistake, WRONG)
        assert names(store) == [f"{number:02}" for number in range(20)]

    def test_who_ends_its_thread_ends_no_other_one(self, store: Store) -> None:
        def end(session: Session) -> None:
            add("ended")(session)
            raise SystemExit("no configuration")

        held, go = threading.Event(), threading.Event()

        def hold(session: Session) -> None:
            add("held")(session)
            held.set()
            assert go.wait(20)

        with ThreadPoolExecutor(9) as pool:
            first = pool.submit(store.write, hold)
            assert held.wait(20)
            others = [pool.submit(store.write, add(f"{number}")) for number in range(4)]
            ended = pool.submit(store.write, end)
            others += [pool.submit(store.write, add(f"{number}")) for number in range(4, 7)]
            go.set()
            assert first.exception(20) is None
            assert [other.result(20) for other in others] == [1] * 7
            with pytest.raises(SystemExit, match="no configuration"):
                ended.result(20)
        assert names(store) == [*(f"{number}" for number in range(7)), "held"]

    def test_no_update_is_lost_between_threads(self, store: Store) -> None:
        def count(session: Session) -> None:
            row = session.one("SELECT subject FROM audit")
            assert row is not None
            session.run("UPDATE audit SET subject = ?", str(int(row[0]) + 1))

        store.write(
            lambda s: s.run(
                "INSERT INTO audit (at, actor, action, subject) VALUES (0, '', '', '0')"
            )
        )
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.write(count), range(100)))
        assert store.read(lambda s: s.one("SELECT subject FROM audit")) == ("100",)


class TestReading:
    def test_a_read_sees_every_earlier_write(self, store: Store) -> None:
        for name in "abc":
            store.write(add(name))
            assert names(store)[-1] == name

    def test_any_thread_may_read(self, store: Store) -> None:
        store.write(add("a"))
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda _: names(store), range(20))) == [["a"]] * 20

    def test_a_read_whose_sql_fails_says_so_and_harms_nobody(self, store: Store) -> None:
        with pytest.raises(WRONG):
            store.read(lambda s: s.one("SELEC 1"))
        assert names(store) == []

    def test_a_read_whose_operation_raises_harms_nobody(self, store: Store) -> None:
        def operation(_: Session) -> None:
            raise NotFoundError("no such run")

        with pytest.raises(NotFoundError):
            store.read(operation)
        assert names(store) == []


class TestClosing:
    def test_what_was_written_before_is_answered(self, store: Store) -> None:
        assert store.write(add("a")) == 1
        store.close()

    def test_a_closed_store_says_so(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.write(add("a"))
        with pytest.raises(StoreError, match="closed"):
            names(store)

    def test_closing_twice_does_no_harm(self, store: Store) -> None:
        store.close()
        store.close()


def test_nobody_is_said_to_write_while_nobody_does(store: Store) -> None:
    store.write(add("ann"))
    assert store.writer_for(0.0) is None


def test_a_store_tells_what_it_takes(store: Store) -> None:
    before = store.disk_use().data
    store.write(add(secrets.token_hex(100_000)))
    after = store.disk_use()
    assert after.data + (after.log or 0) > before > 0


def test_a_write_within_a_write_is_refused_and_changes_nothing(store: Store) -> None:
    with pytest.raises(PermanentError, match="a write within a write"):
        store.write(lambda s: (add("a")(s), store.write(add("b"))))
    assert names(store) == []
    assert store.write(add("c")) == 1
