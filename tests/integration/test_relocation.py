"""A store moves from SQLite to PostgreSQL, and its runs go on there."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestration import settings
from orchestration.clock import SystemClock
from orchestration.errors import ConfigurationError, StoreError, StoreInUseError
from orchestration.ports import Row, Session, Store
from orchestration.runtime.embedded import embedded
from orchestration.state import RunStatus
from orchestration.store import artifacts, control, runs
from orchestration.store.connect import move, open_store, place_of
from orchestration.store.postgres import PostgresStore
from orchestration.store.presence import FileLocks
from orchestration.store.sqlite import SqliteStore
from tests.clock import FakeClock
from tests.engine.fleet import HOUR, Fleet, app_of, step, workflow
from tests.eventually import eventually

pytestmark = pytest.mark.postgres

LARGE = "x" * 100_000
SLOTS = 5
PATIENCE_S = 40.0
app = app_of(
    workflow("one", step("a")),
    workflow("two", step("a"), step("b", "a")),
    workflow("asks", step("a", approval=HOUR)),
    workflow("undoes", step("a", undo="unwind"), step("b", "a")),
)
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
COLUMNS = (
    "SELECT column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position"
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'orchestration.db'}"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Over SQLite, with a run in every status; its only worker has gone."""
    clock = FakeClock()
    clock.advance(SystemClock().now() - clock.now())
    store = SqliteStore(tmp_path / "orchestration.db")
    found = Fleet(store, clock, app)
    store.write(lambda s: control.ensure(s, "tests", "here"))
    fill(found)
    yield found
    store.close()


def fill(fleet: Fleet) -> None:
    worker = fleet.worker(slots=100)
    completed = fleet.start("one")
    worker.complete(worker.take(), LARGE)
    worker_fails(fleet, "one")
    fleet.client.cancel(fleet.start("one"))
    fleet.transport.take()
    fleet.start("asks")
    fleet.client.pause(fleet.start("two"))
    fleet.transport.take()
    fleet.start("undoes")
    worker.complete(worker.take())
    worker.fail(worker.take(), retryable=False)
    for _ in range(SLOTS + 2):
        fleet.start("two")
    worker.engine.depart("w1")
    assert fleet.status(completed) is RunStatus.COMPLETED
    found = {RunStatus(row[0]) for row in fleet.read(lambda s: s.all("SELECT status FROM runs"))}
    assert found == set(RunStatus)


def worker_fails(fleet: Fleet, name: str) -> None:
    worker = fleet.worker("clumsy", slots=100)
    fleet.start(name)
    worker.fail(worker.take(), retryable=False)
    worker.engine.depart("clumsy")


def contents(store: Store, columns: dict[str, list[str]]) -> dict[str, list[Row]]:
    def read(session: Session) -> dict[str, list[Row]]:
        return {
            name: sorted(session.all(f"SELECT {', '.join(listed)} FROM {name}"), key=repr)
            for name, listed in columns.items()
        }

    return store.read(read)


def test_every_row_moves_and_open_runs_are_finished_by_workers_there(
    fleet: Fleet, url: str, empty_schema: str, tmp_path: Path
) -> None:
    tables = [row[0] for row in fleet.read(lambda s: s.all(TABLES)) if row[0] != "schema_versions"]
    copied = move(url, empty_schema)
    assert sorted(copied) == sorted(tables)
    opened = open_store(empty_schema).store
    columns = {
        name: [r[0] for r in opened.read(lambda s, n=name: s.all(COLUMNS, n))]  # type: ignore[misc]
        for name in tables
    }
    here, there = contents(fleet.store, columns), contents(opened, columns)
    assert place_of(empty_schema) in repr(there.pop("control"))
    here.pop("control")
    assert there == here
    assert {name: len(rows) for name, rows in here.items()} | {"control": 1} == copied
    everyone = [row[0] for row in opened.read(lambda s: s.all("SELECT id FROM runs"))]
    known = {"ORCHESTRATION_HOME": str(tmp_path), "DATABASE_URL": empty_schema}
    with embedded(app, settings.load(known)) as host:
        engine = host.running.engine
        (waiting,) = (r for r in everyone if r.startswith("asks"))
        (paused,) = (r for (r,) in in_status(opened, "paused"))
        engine.approve(waiting, "a", engine.shown(waiting, "a"))
        engine.resume(paused)
        eventually(
            lambda: not in_status(opened, "pending", "running", "waiting", "undoing"),
            within=PATIENCE_S,
        )
    ended = {r: opened.read(lambda s, r=r: runs.status(s, r)) for r in everyone}  # type: ignore[misc]
    assert sorted(map(str, ended.values())) == sorted(
        ["completed"] * (3 + SLOTS + 2) + ["failed"] * 2 + ["cancelled"]
    )
    assert opened.read(lambda s: artifacts.result(s, "one_1", "a")) == [LARGE]
    numbers = [row[0] for row in opened.read(lambda s: s.all("SELECT id FROM events ORDER BY id"))]
    assert len(set(numbers)) == len(numbers) > copied["events"], "numbering goes on"
    opened.close()


def in_status(store: Store, *status: str) -> list[Row]:
    marks = ", ".join("?" for _ in status)
    return store.read(lambda s: s.all(f"SELECT id FROM runs WHERE status IN ({marks})", *status))


def test_the_old_store_says_where_its_runs_have_gone_and_takes_no_more(
    fleet: Fleet, url: str, empty_schema: str
) -> None:
    move(url, empty_schema)
    with pytest.raises(StoreError, match=r"was moved to .*: set DATABASE_URL to that"):
        open_store(url)
    with pytest.raises(StoreError, match="was moved to"):
        fleet.start("one")
    with pytest.raises(StoreError, match="was moved to"):
        fleet.worker("late")


def test_a_store_that_is_worked_on_does_not_move(
    fleet: Fleet, url: str, empty_schema: str, tmp_path: Path
) -> None:
    locks = FileLocks(tmp_path / "orchestration.db.workers")
    locks.hold("busy")
    fleet.worker("busy")
    with pytest.raises(StoreInUseError, match="here:7 work on this store: stop them"):
        move(url, empty_schema)
    locks.release("busy")
    with psycopg.connect(empty_schema) as target:
        assert target.execute(
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchone() == (0,)


def test_a_target_that_is_not_empty_is_refused(fleet: Fleet, url: str, empty_schema: str) -> None:
    PostgresStore(empty_schema).close()
    with pytest.raises(StoreError, match="is not empty, it has the table agents"):
        move(url, empty_schema)
    fleet.start("one")


def test_a_move_that_breaks_off_leaves_a_target_that_says_so_and_can_be_repeated(
    fleet: Fleet, url: str, empty_schema: str
) -> None:
    fleet.store.write(lambda s: s.run("UPDATE workers SET pid = 4294967296"))
    with pytest.raises(psycopg.DataError, match="out of range"):
        move(url, empty_schema)
    with pytest.raises(StoreError, match="is unfinished, a move into it was broken off"):
        open_store(empty_schema)
    fleet.start("one")
    fleet.store.write(lambda s: s.run("UPDATE workers SET pid = 7"))
    copied = move(url, empty_schema)
    opened = open_store(empty_schema).store
    assert opened.read(lambda s: s.all("SELECT COUNT(*) FROM runs")) == [(copied["runs"],)]
    opened.close()


def test_a_text_that_postgresql_cannot_keep_is_changed_and_not_lost(
    fleet: Fleet, url: str, empty_schema: str
) -> None:
    add = "INSERT INTO audit (at, actor, action, subject) VALUES (0, ?, 'test', '')"
    fleet.store.write(lambda s: s.run(add, "a\x00b"))
    move(url, empty_schema)
    opened = open_store(empty_schema).store
    found = opened.read(lambda s: s.all("SELECT actor FROM audit WHERE action = 'test'"))
    assert found == [("a\ufffdb",)]
    opened.close()


@pytest.mark.parametrize(
    ("url", "to"),
    [("sqlite:///a.db", "sqlite:///b.db"), ("postgresql://a/b", "postgresql://c/d")],
)
def test_only_sqlite_moves_and_only_to_postgresql(url: str, to: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^only an SQLite store moves"):
        move(url, to)
