"""Pages of runs: the same rows in the same order, whatever index they are read by."""

import sqlite3
from datetime import timedelta

import pytest

from orchestration.plans import Plan, Step
from orchestration.ports import Session, Store
from orchestration.state import RunStatus
from orchestration.store import audit, dead_letters, listings, migrate, runs
from orchestration.store.dead_letters import DeadLetter
from orchestration.store.listings import Filter, Place
from orchestration.store.runs import NewRun
from orchestration.store.sqlite import TABLES, TYPES, MemoryStore
from orchestration.store.sqlite_session import SqliteSession
from tests.clock import FakeClock

R = RunStatus
COUNT = 60
STATUSES = (R.COMPLETED, R.COMPLETED, R.FAILED, R.RUNNING, R.PENDING)
NAMES = ("alpha", "beta", "gamma")


def fill(store: Store, clock: FakeClock) -> None:
    def write(session: Session) -> None:
        for number in range(COUNT):
            name = NAMES[number % len(NAMES)]
            new = NewRun(
                id=f"{name}_{number * 7919:012x}",
                plan=Plan(name, (Step("one", "agent", "act"),), "one"),
                parameters=f'{{"number": "no {number}_x%"}}',
                sender="tests",
                correlation_id=None,
                priority=2,
                needs_slot=True,
            )
            now = clock.now() + timedelta(seconds=number)
            runs.insert(session, new, now)
            status = STATUSES[number % len(STATUSES)]
            ended_at = now.timestamp() if status.ended else None
            session.run(
                "UPDATE runs SET status = ?, ended_at = ? WHERE id = ?", status, ended_at, new.id
            )

    store.write(write)


@pytest.fixture
def filled(store: Store, clock: FakeClock) -> Store:
    fill(store, clock)
    return store


def expected(store: Store, wanted: Filter) -> list[str]:
    """The same by looking at every run."""
    everything = store.read(lambda s: runs.newest(s, 1_000))
    return [
        run.id
        for run in everything
        if (not wanted.statuses or run.status in wanted.statuses)
        and wanted.command in {None, run.command}
        and (wanted.since is None or run.created_at >= wanted.since)
    ]


FILTERS = [
    Filter(),
    Filter(command="beta"),
    Filter(statuses=(R.COMPLETED,)),
    Filter(statuses=(R.COMPLETED, R.FAILED, R.PENDING)),
    Filter(statuses=(R.RUNNING,), command="alpha"),
    Filter(statuses=(R.FAILED, R.RUNNING), command="gamma"),
    Filter(statuses=(R.CANCELLED,)),
]


@pytest.mark.parametrize("wanted", FILTERS)
def test_pages_one_after_the_other_are_all_runs_that_are_meant(
    filled: Store, wanted: Filter
) -> None:
    found: list[str] = []
    than: Place | None = None
    while page := filled.read(lambda s, p=than: listings.page(s, wanted, 7, p)):  # type: ignore[misc]
        found += [run.id for run in page]
        than = Place(page[-1].created_at.timestamp(), page[-1].id)

    assert found == expected(filled, wanted)
    assert filled.read(lambda s: listings.ids(s, wanted, 1_000)) == found
    assert filled.read(lambda s: listings.count(s, wanted, 1_000)) == len(found)


def test_runs_since_a_moment(filled: Store, clock: FakeClock) -> None:
    wanted = Filter(since=clock.now() + timedelta(seconds=50))
    found = filled.read(lambda s: listings.ids(s, wanted, 1_000))
    assert found == expected(filled, wanted)
    assert len(found) == COUNT - 50


def test_a_count_ends_where_it_was_told_to(filled: Store) -> None:
    assert filled.read(lambda s: listings.count(s, Filter(), 10)) == 10
    assert filled.read(lambda s: listings.count(s, Filter(statuses=(R.COMPLETED,)), 5)) == 5


@pytest.mark.parametrize(
    "text", [f"beta_{7919:012x}", f"beta_{7919:012x}"[:14], f"{7919:012x}", "no 1_X%"]
)
def test_a_run_is_found_by_its_id_its_digits_or_its_parameters(filled: Store, text: str) -> None:
    found = filled.read(lambda s: listings.ids(s, Filter(text=text), 10))
    assert found == [f"beta_{7919:012x}"]


def test_a_search_keeps_to_the_rest_of_the_filter(filled: Store) -> None:
    wanted = Filter(text="no 1", statuses=(R.FAILED,), command="gamma")
    assert filled.read(lambda s: listings.ids(s, wanted, 100)) == [f"gamma_{17 * 7919:012x}"]
    assert not filled.read(lambda s: listings.ids(s, Filter(text="100%"), 100))


def test_every_command_that_has_runs_is_listed(filled: Store) -> None:
    assert filled.read(listings.commands) == sorted(NAMES)


def test_deeds_are_searched_by_who_what_and_to_what(store: Store, clock: FakeClock) -> None:
    def write(session: Session) -> None:
        for number in range(5):
            audit.add(session, clock.now(), f"Ann: 10% {number}", "cancel", f"job_{number}")

    store.write(write)
    everything = store.read(lambda s: audit.newest(s, 10))
    assert [deed.subject for deed in everything] == [f"job_{n}" for n in (4, 3, 2, 1, 0)]
    assert store.read(lambda s: audit.newest(s, 2, everything[1].id)) == everything[2:4]
    assert store.read(lambda s: audit.newest(s, 10, text="ANN: 10% 3")) == [everything[1]]
    assert not store.read(lambda s: audit.newest(s, 10, text="1__ 3"))


def test_letters_are_counted_by_reason_and_paged(store: Store, clock: FakeClock) -> None:
    def write(session: Session) -> None:
        for number in range(6):
            letter = DeadLetter(
                reason=("odd", "even")[number % 2], detail="", routing_key="", body=b"%d" % number
            )
            dead_letters.add(session, letter, clock.now())

    store.write(write)
    assert store.read(dead_letters.reasons) == {"even": 3, "odd": 3}
    first = store.read(lambda s: dead_letters.newest(s, 2, "odd"))
    rest = store.read(lambda s: dead_letters.newest(s, 2, "odd", None, first[-1].id))
    assert len({row.id for row in [*first, *rest]}) == 3


def test_no_page_of_ended_runs_sorts_them(clock: FakeClock) -> None:
    connection = sqlite3.connect(":memory:")
    session = SqliteSession(connection)
    migrate.upgrade(session, TABLES, TYPES)
    memory = MemoryStore()
    fill(memory, clock)
    for wanted in (Filter(), Filter(command="beta"), Filter(statuses=(R.FAILED,), command="beta")):
        (condition,) = listings.conditions(session, wanted, Place(0.0, ""))
        sql = f"EXPLAIN QUERY PLAN SELECT 1 {runs.FROM} WHERE {condition.sql} {listings.ORDER}"
        plan = " ".join(row[3] for row in session.all(sql, *condition.values, 5))
        assert "TEMP B-TREE FOR ORDER BY" not in plan
        assert "USING" in plan
    memory.close()
    connection.close()
